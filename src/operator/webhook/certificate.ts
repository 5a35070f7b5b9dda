// The certificate that the webhook serves: its source, when it changes, and whether the API server can trust it yet.
//
// The operator checks it once a minute on the wall clock, since a machine may sleep, and at once when the configuration
// changes.

import { Failure, failureFrom } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { backoff, type Clock, type EpochMs, MINUTE, type Random, SECOND, sleep } from '../../lib/time.ts';
import { isGood, type KeyPair } from '../../pki/certificate.ts';
import type { Source } from './certificate-source.ts';

export interface Serving {
  /** Runs until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Something changed: check now. */
  wake(): void;
  /** Why the API server cannot call the webhook yet; undefined when it can. */
  lacks(): string | undefined;
  /** When the served certificate ends. */
  endsAt(): EpochMs | undefined;
}

const LOOK_EVERY = MINUTE;
/** After a check that failed, or met another writer's change; later each time. */
const FIRST_PAUSE = SECOND;

export function createServing(
  source: Source,
  use: (pair: KeyPair) => void,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
): Serving {
  let served: KeyPair | undefined;
  let lacks: string | undefined = 'no certificate yet';
  let attempts = 0;
  let interrupt = new AbortController();

  /** @throws Failure, or whatever a server throws that cannot use it */
  const lookAndUse = async (signal: AbortSignal): ReturnType<Source['look']> => {
    const found = await source.look(signal);
    if (!signal.aborted && found.pair && found.pair !== served) {
      use(found.pair);
      served = found.pair;
    }
    return found;
  };

  const look = async (signal: AbortSignal): Promise<void> => {
    const found = await lookAndUse(signal).catch(failureFrom);
    if (signal.aborted) return;
    // The served certificate stays as good as it was.
    const [reason, message] = found instanceof Failure ? [found.reason, found.message] : ['NotTrusted', found.lacks];
    if (message !== undefined && message !== lacks)
      log.warn(
        'The webhook has trouble with its certificate',
        { reason, message },
        found instanceof Failure ? found : undefined,
      );
    lacks = message;
  };

  return {
    async run(signal) {
      const end = (): void => interrupt.abort();
      signal.addEventListener('abort', end);
      while (!signal.aborted) {
        interrupt = new AbortController();
        await look(signal);
        const pause = lacks === undefined ? LOOK_EVERY : backoff(attempts, FIRST_PAUSE, LOOK_EVERY, random);
        attempts = lacks === undefined ? 0 : attempts + 1;
        await sleep(clock, pause, signal.aborted ? signal : interrupt.signal);
      }
      signal.removeEventListener('abort', end);
    },
    wake: () => interrupt.abort(),
    lacks: () => (served && isGood(served, clock.now()) ? lacks : (lacks ?? 'the certificate has ended')),
    endsAt: () => served?.notAfter,
  };
}
