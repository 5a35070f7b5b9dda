// Namespaces that come and go, each with a Secret of one cluster object.

import type { BareClient } from '../bare-client.ts';
import { pause } from '../measure.ts';
import { createNamespaces } from '../work.ts';

const NEW_EVERY_MS = 5_000;
const AT_ONCE = 12;

/** @returns the number of namespaces that have come, until `signal` aborts */
export function startChurn(client: BareClient, labels: object, signal: AbortSignal): { came: number } {
  const count = { came: 0 };
  const there: string[] = [];
  const step = async (): Promise<void> => {
    const name = `coming-${String(count.came).padStart(4, '0')}`;
    await createNamespaces(client, [name], labels);
    count.came += 1;
    there.push(name);
    const oldest = there.length > AT_ONCE ? there.shift() : undefined;
    if (oldest) await client.send('DELETE', `/api/v1/namespaces/${oldest}`);
  };
  void (async () => {
    while (!signal.aborted) {
      // The API server may be away; a name that was taken all the same is not tried again.
      await step().catch(() => {
        count.came += 1;
      });
      await pause(NEW_EVERY_MS);
    }
  })();
  return count;
}
