// Which replica leads: by the Lease, and by whether it is still renewed.

import { LEASES } from '../api/meta.ts';
import { isForbidden } from '../kube/api-error.ts';
import type { KubeReader } from '../kube/client.ts';
import { type JsonRecord, recordOf, stringOf } from '../lib/json.ts';
import { type Clock, parseRfc3339, seconds, sleep } from '../lib/time.ts';
import { type Finding, well, wrong } from './finding.ts';

export interface SoughtLease {
  readonly namespace: string;
  readonly lease: string;
  /** Leader election is on for sure: without a leader something is wrong. */
  readonly isExpected: boolean;
}

const LOOK_EVERY = seconds(1);
/** Longer than one replica takes to take over from another. */
const PATIENCE = seconds(30);
/** A renewal that looks no older than this may be trusted without a second look, whatever the clocks. */
const FRESH_MS = 5_000;
const LONGEST_NAME = 253;

/** @throws Failure when the API server could not be asked */
export async function leaderFinding(
  client: Pick<KubeReader, 'find'>,
  { namespace, lease: name, isExpected }: SoughtLease,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `Lease ${name} in namespace ${namespace}`;
  const read = async (): Promise<Seen> => seenOf(await client.find(LEASES, namespace, name, signal));
  try {
    const first = await read();
    if (!isExpected && first.holder === '')
      return well(
        `no replica holds the ${what}: leader election is off, or the operator is elsewhere (--namespace, --leader-elect-resource-name)`,
      );
    const begun = clock.monotonic();
    for (let lease = first; clock.monotonic() - begun < PATIENCE; lease = await read()) {
      const isRenewed = lease.renewTime !== first.renewTime || isFresh(lease, clock);
      if (lease.holder !== '' && isRenewed) return well(`replica ${lease.holder} leads, by the ${what}`);
      await sleep(clock, LOOK_EVERY, signal);
    }
    const state = first.holder === '' ? 'is held by none' : `is no longer renewed by ${first.holder}`;
    return wrong(
      `no replica leads: the ${what} ${state}; do the pods run, and does their log say “Could not read or write the Lease”?`,
    );
  } catch (thrown) {
    if (!isForbidden(thrown)) throw thrown;
    const words = `this account may not read the ${what}`;
    if (!isExpected) return well(`which replica leads is not known: ${words}`);
    return wrong(`${words}; if it is the operator's, it cannot lead: are the Role of the chart and its binding there?`);
  }
}

interface Seen {
  readonly holder: string;
  readonly renewTime: string | undefined;
}

function seenOf(lease: JsonRecord | undefined): Seen {
  const { holderIdentity, renewTime } = recordOf(lease?.['spec']);
  return { holder: (stringOf(holderIdentity) ?? '').slice(0, LONGEST_NAME), renewTime: stringOf(renewTime) };
}

function isFresh({ renewTime }: Seen, clock: Clock): boolean {
  const renewedAt = parseRfc3339(renewTime);
  return renewedAt !== undefined && Math.abs(clock.now() - renewedAt) < FRESH_MS;
}
