// Parts of queries that alerts and dashboard share: which series are the operator's, and what is one object or one
// installation. A label that a scraper does not set counts as empty, so the same queries suit a ServiceMonitor, a
// PodMonitor and annotations of the pod.

/**
 * What all series of one process have in common. Not `namespace`: in series of objects it is that of the object, when
 * the scraper honors labels.
 */
const PROCESS = 'cluster, job, pod, instance';
/** Labels that come from the scrape, not from the operator. */
export const OF_THE_SCRAPE = ['cluster', 'job', 'pod', 'instance', 'namespace', 'exported_namespace'];
/** What tells one installation from another, in series that are not about single objects. */
export const RELEASE = 'cluster, namespace, job';
/**
 * What tells one object from another, whichever pod shows it. `exported_namespace` is that of the object, when the
 * scraper does not honor labels.
 */
const OBJECT = 'cluster, job, kind, exported_namespace, namespace, name';

/**
 * The series of `vector` that come from an operator of this project. Names of controller-runtime, client-go, of the
 * process and of Node.js are those of many other programs too.
 */
export function ours(vector: string): string {
  return `${vector} and on (${PROCESS}) ecr_operator_build_info`;
}

type Aggregate = 'sum' | 'min' | 'max';

/** One value for each installation, and for each value of these further labels. */
export function release(aggregate: Aggregate, vector: string, ...further: readonly string[]): string {
  return `${aggregate} by (${[RELEASE, ...further].join(', ')}) (${vector})`;
}

/** One value for each object. */
export function object(vector: string): string {
  return `max by (${OBJECT}) (${vector})`;
}

/** `vector` where none of `others` has a series with the same labels, or with the same of `labels`. */
export function unless(vector: string, others: readonly string[], labels?: string): string {
  const on = labels === undefined ? '' : ` on (${labels})`;
  return [vector, ...others.map((other) => `(${other})`)].join(` unless${on} `);
}

/** Labels that series of objects and of installations share. */
export const SHARED = 'cluster, job';
export const ON_RELEASE = `on (${RELEASE})`;
