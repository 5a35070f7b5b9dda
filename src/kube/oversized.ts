// Names an object that was too large to read, by the beginning of its JSON.

import { type ObjectKey, objectKey } from '../api/meta.ts';

export interface Oversized {
  /** Type of the watch event; undefined in a list. */
  readonly event: string | undefined;
  readonly key: ObjectKey;
  readonly resourceVersion: string;
}

/**
 * Kubernetes writes kind, version and name of its own kinds first, and no text of a user's choosing before them. It
 * writes custom resources in alphabetical order, annotations first, so they are not recognised here; etcd takes none
 * larger than 1.5 MiB.
 */
const TYPED =
  /^(?:\{"type":"([A-Z]+)","object":)?\{(?:"kind":"[^"]*","apiVersion":"[^"]*",)?"metadata":\{"name":"([^"\\]+)",(?:"generateName":"[^"\\]*",)?(?:"namespace":"([^"\\]+)",)?(?:"uid":"[^"\\]*",)?"resourceVersion":"([^"\\]+)"/;

/**
 * @param head  the beginning of a watch event, or of an object in a list
 * @returns undefined when it does not say which object it is
 */
export function oversizedIn(head: string): Oversized | undefined {
  const [, event, name, namespace, resourceVersion] = TYPED.exec(head) ?? [];
  if (name === undefined || resourceVersion === undefined) return undefined;
  return { event, key: objectKey(namespace, name), resourceVersion };
}
