// Shares one answer, which is expensive to make, among simultaneous requests: the text of all metrics.

import type { Reply, Route } from '../http/server.ts';
import { type Clock, SECOND } from '../lib/time.ts';
import { createTokenBucket } from '../lib/token-bucket.ts';

/** More than any number of scrapers needs. Beyond it, all get the last answer. */
const MADE = { perSecond: 2, atOnce: 20 };

/**
 * Makes a reply for each request, but only one at a time and few in a second; a request that comes meanwhile, or too
 * soon, shares it.
 *
 * @param make  an expensive reply
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
      // Kept no longer than until the next one may be made: it may be a megabyte.
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
