// Looks at all Secrets of the operator, past the proxy, for tokens that have expired.

import type { BareClient } from '../bare-client.ts';
import { pause } from '../measure.ts';

export interface Looks {
  /** Secrets that were looked at. */
  seen: number;
  /** Of those, the ones with an expired token. */
  expired: number;
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
  const looks: Looks = { seen: 0, expired: 0, unanswered: 0, paths: [] };
  const look = async (): Promise<void> => {
    // As of the question: what expires while the answer is on its way was good.
    const now = Date.now();
    const { items } = (await client.send('GET', OWN)) as SecretList;
    const ends = items.flatMap(({ metadata }) => metadata.annotations?.expiry ?? []);
    looks.seen += ends.length;
    looks.expired += ends.filter((end) => Date.parse(end) <= now).length;
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
