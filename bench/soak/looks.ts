// Looks at all Secrets of the operator, past the proxy, for tokens that have expired.

import type { BareClient } from '../bare-client.ts';
import { pause } from '../measure.ts';

export interface Looks {
  /** Secrets that were looked at. */
  seen: number;
  /** Of those, the ones with an expired token: when, on the clock of the process, and how many at once. */
  readonly expired: { readonly at: number; readonly count: number }[];
  /** Lists that the API server did not answer: it was away. */
  unanswered: number;
  /** Path of each Secret at the last look. */
  paths: readonly string[];
}

interface SecretList {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly namespace: string;
      readonly annotations?: { readonly expiry?: string };
    };
  }[];
}

const LOOK_EVERY_MS = 500;
const OWN = '/api/v1/secrets?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dkube-ecr-secrets-operator';

/** Looks until `signal` aborts. */
export function startLooking(client: BareClient, signal: AbortSignal): Looks {
  const looks: Looks = { seen: 0, expired: [], unanswered: 0, paths: [] };
  const look = async (): Promise<void> => {
    // As of the question: what expires while the answer is on its way was good.
    const now = Date.now();
    const { items } = (await client.send('GET', OWN)) as SecretList;
    const ends = items.flatMap(({ metadata }) => metadata.annotations?.expiry ?? []);
    looks.seen += ends.length;
    const count = ends.filter((end) => Date.parse(end) <= now).length;
    if (count > 0) looks.expired.push({ at: performance.now(), count });
    looks.paths = items.map(({ metadata: { namespace, name } }) => `/api/v1/namespaces/${namespace}/secrets/${name}`);
  };
  void (async () => {
    while (!signal.aborted) {
      await look().catch(() => {
        looks.unanswered += 1;
      });
      await pause(LOOK_EVERY_MS);
    }
  })();
  return looks;
}

/** While nobody could write a Secret. */
export interface Away {
  readonly from: number;
  readonly to: number;
}

/** What the operator may take to write everything once the API server is back. */
const BACK_MS = 5_000;

/**
 * Expired tokens that were seen: those that nobody could have renewed in time, as the API server was away for longer
 * than they had left, and the others.
 *
 * @param left  of the life of a token when its renewal is due, in milliseconds
 */
export function countExpired(
  expired: Looks['expired'],
  away: readonly Away[],
  left: number,
): { readonly excused: number; readonly expired: number } {
  const long = away.filter(({ from, to }) => to - from + BACK_MS > left);
  const isExcused = (at: number): boolean => long.some(({ from, to }) => at >= from && at <= to + BACK_MS);
  const sum = (some: Looks['expired']): number => some.reduce((all, { count }) => all + count, 0);
  const excused = sum(expired.filter(({ at }) => isExcused(at)));
  return { excused, expired: sum(expired) - excused };
}
