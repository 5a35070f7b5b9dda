// Paths of the Kubernetes API, built from typed parts. No text of a user's choosing ever adds a segment.

import type { ResourceDescriptor } from '../api/meta.ts';
import { Failure } from '../lib/errors.ts';

export interface ObjectPath {
  /** Absent: all namespaces, or a cluster-scoped resource. */
  readonly namespace?: string | undefined;
  /** Absent: the collection. */
  readonly name?: string;
  readonly subresource?: 'status' | 'token';
}

/**
 * @returns the encoded path, with a leading slash
 * @throws Failure for a name that is empty, `.` or `..`, since encoding does not make those harmless, and for one that
 *         cannot be encoded
 */
export function apiPath(resource: ResourceDescriptor, { namespace, name, subresource }: ObjectPath = {}): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = namespace === undefined ? '' : `/namespaces/${segment(namespace)}`;
  const object = name === undefined ? '' : `/${segment(name)}`;
  return `${root}${scope}/${resource.plural}${object}${subresource === undefined ? '' : `/${subresource}`}`;
}

function segment(text: string): string {
  if (text === '' || text === '.' || text === '..' || !text.isWellFormed()) {
    throw new Failure({
      next: 'change',
      reason: 'BadName',
      message: `"${text.toWellFormed()}" is not a name an object can have`,
    });
  }
  return encodeURIComponent(text);
}
