// Secrets that must be retried so often in a row that the status has to say so.

export interface LateSecrets {
  /**
   * One attempt at Secrets of an object has ended.
   *
   * @param due    namespaces of the Secrets that were to be written
   * @param retry  of those, the ones to be retried, as the next
   * @param done   the ones written
   */
  count(uid: string, due: readonly string[], retry: ReadonlySet<string>, done: ReadonlySet<string>): void;
  isLate(uid: string, namespace: string): boolean;
  forget(uid: string): void;
}

/** Attempts in a row that the status does not mention: nearly always the next one succeeds. */
const SILENT_ATTEMPTS = 4;

export function createLateSecrets(): LateSecrets {
  /** By object and namespace: attempts in a row that ended with the Secret to be retried. */
  const attempts = new Map<string, Map<string, number>>();

  return {
    count(uid, due, retry, done) {
      const before = attempts.get(uid);
      const after = new Map<string, number>();
      for (const namespace of due) {
        const count = before?.get(namespace) ?? 0;
        if (retry.has(namespace)) after.set(namespace, count + 1);
        // A reported Secret stays reported until it is written.
        else if (count >= SILENT_ATTEMPTS && !done.has(namespace)) after.set(namespace, count);
      }
      if (after.size === 0) attempts.delete(uid);
      else attempts.set(uid, after);
    },
    isLate: (uid, namespace) => (attempts.get(uid)?.get(namespace) ?? 0) >= SILENT_ATTEMPTS,
    forget: (uid) => void attempts.delete(uid),
  };
}
