// Where the API server serves the kinds that only the plugin looks at.

import type { ResourceDescriptor } from '../api/meta.ts';

const kind = (group: string, plural: string): ResourceDescriptor => ({
  group,
  version: 'v1',
  plural,
  namespaced: true,
});

export const PODS = kind('', 'pods');
/** The kubelet writes Events of this form; it has fields for selection that the newer one lacks. */
export const CORE_EVENTS = kind('', 'events');

/** Kinds that make pods, by what a user may call them (as kubectl: plural, singular and short name). */
const WORKLOADS: readonly (readonly [names: readonly string[], ResourceDescriptor])[] = [
  [['deployment', 'deployments', 'deploy'], kind('apps', 'deployments')],
  [['statefulset', 'statefulsets', 'sts'], kind('apps', 'statefulsets')],
  [['daemonset', 'daemonsets', 'ds'], kind('apps', 'daemonsets')],
  [['replicaset', 'replicasets', 'rs'], kind('apps', 'replicasets')],
  [['job', 'jobs'], kind('batch', 'jobs')],
];
const POD_NAMES: ReadonlySet<string> = new Set(['pod', 'pods', 'po']);

/** Whose images are asked about. */
export type Subject =
  | { readonly op: 'pod'; readonly name: string }
  | { readonly op: 'workload'; readonly resource: ResourceDescriptor; readonly name: string }
  /** Every pod that waits. */
  | { readonly op: 'all' };

/**
 * @param words  of the command line: none, `POD`, `TYPE/NAME`, or `TYPE NAME`
 * @returns the subject, or a sentence that says what is wrong
 */
export function parseSubject(words: readonly string[]): Subject | string {
  const [first, second, third] = words.flatMap((word) => word.split('/'));
  if (first === undefined) return { op: 'all' };
  if (third !== undefined || first === '' || second === '')
    return `"${words.join(' ')}" names no object: write POD or TYPE/NAME`;
  if (second === undefined) return { op: 'pod', name: first };
  const type = first.toLowerCase().replace(/\..*$/, '');
  if (POD_NAMES.has(type)) return { op: 'pod', name: second };
  const resource = WORKLOADS.find(([names]) => names.includes(type))?.[1];
  if (resource) return { op: 'workload', resource, name: second };
  const known = ['pod', ...WORKLOADS.map(([[name]]) => name)].join(', ');
  return `"${first}" is no type that makes pods: one of ${known}`;
}
