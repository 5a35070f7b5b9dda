// Waits for what an operator asks AWS and the API server beside its queue: such a request would end by a clock that a
// test moves.

import { METRIC } from '../../src/operator/telemetry/metric-catalogue.ts';
import { eventually } from '../api-server/test-api.ts';
import type { RunningOperator } from './world.ts';

/** Until no key is being reconciled or ready to be, and no login or read that one waits for is under way. */
export async function untilNothingIsUnderWay({ idle, metric }: RunningOperator): Promise<void> {
  await eventually(async () => {
    await idle();
    const asked = (await metric(METRIC.loginsUnderWay.name)) + (await metric(METRIC.readsUnderWay.name));
    return asked === 0 ? true : undefined;
  });
  // What ended last has woken its objects.
  await idle();
}
