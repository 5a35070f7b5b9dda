// One answer for all who ask at the same time, for what costs much to make: the text of all metrics.

import type { Reply, Route } from '../http/server.ts';
import { type Clock, SECOND } from '../lib/time.ts';
import { createTokenBucket } from '../lib/token-bucket.ts';

/** More than any number of scrapers ask for. Beyond it, all are given what the last one was given. */
const MADE = { perSecond: 2, atOnce: 20 };

/**
 * Makes a reply for each who asks, but only one at a time, and few in a second; who asks meanwhile, or too often, shares it.
 *
 * @param make  a reply that costs much
 */
export function shareReply(make: () => Promise<Reply>, clock: Clock): Route {
  const budget = createTokenBucket(clock, MADE.perSecond, MADE.atOnce);
  let flight: Promise<Reply> | undefined;
  let last: Reply | undefined;
  let cancel = (): void => {};

  const makeNext = async (): Promise<Reply> => {
    try {
      const made = await make();
      last = made;
      cancel();
      // Not for longer than it takes until the next one may be made: it may be a megabyte.
      cancel = clock.after(SECOND, () => {
        last = undefined;
      });
      return made;
    } finally {
      flight = undefined;
    }
  };

  return () => {
    if (flight) return flight;
    if (!budget.take() && last) return last;
    flight = makeNext();
    return flight;
  };
}
