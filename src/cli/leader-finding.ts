// Which replica leads, for the command `check`: by the Lease, and by whether it is still renewed.

import { LEASES } from '../api/meta.ts';
import { isForbidden } from '../kube/api-error.ts';
import type { KubeReader } from '../kube/client.ts';
import { LONGEST_LEASE } from '../kube/lease-state.ts';
import { type JsonRecord, recordOf, stringOf } from '../lib/json.ts';
import { type Clock, type DurationMs, parseRfc3339, seconds, sleep } from '../lib/time.ts';
import { type Finding, well, wrong } from './finding.ts';

export interface LeaseName {
  readonly namespace: string;
  readonly lease: string;
}

const LOOK_EVERY = seconds(1);
/** Also while one replica takes over from another. */
const PATIENCE = seconds(30);
/** A renewal that looks no older than this may be trusted without a second look, whatever the clocks. */
const FRESH_MS = 5_000;
const LONGEST_NAME = 253;

/** @throws Failure when the API server could not be asked */
export async function leaderFinding(
  client: Pick<KubeReader, 'find'>,
  { namespace, lease: name }: LeaseName,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `Lease ${name} in namespace ${namespace}`;
  const read = async (): Promise<JsonRecord | undefined> => await client.find(LEASES, namespace, name, signal);
  try {
    const first = await read();
    if (!first)
      return well(
        `there is no ${what}: leader election is off, or the operator is elsewhere (--namespace, --leader-elect-resource-name)`,
      );
    const begun = clock.monotonic();
    for (let lease: JsonRecord | undefined = first; ; lease = await read()) {
      const holder = holderOf(lease);
      if (holder !== '' && lease && (isFresh(lease, clock) || isRenewed(lease, first)))
        return well(`replica ${holder} leads, by the ${what}`);
      if (clock.monotonic() - begun >= patienceFor(first)) break;
      await sleep(clock, LOOK_EVERY, signal);
    }
    const last = holderOf(first);
    return wrong(
      `no replica leads: the ${what} ${last === '' ? 'is free' : `is no longer renewed by ${last}`}; do the pods run, and does their log say “Could not read or write the Lease”?`,
    );
  } catch (thrown) {
    if (isForbidden(thrown)) return well(`which replica leads is not known: this account may not read the ${what}`);
    throw thrown;
  }
}

function holderOf(lease: JsonRecord | undefined): string {
  return (stringOf(recordOf(lease?.['spec'])['holderIdentity']) ?? '').slice(0, LONGEST_NAME);
}

function isFresh(lease: JsonRecord, clock: Clock): boolean {
  const renewedAt = parseRfc3339(stringOf(recordOf(lease['spec'])['renewTime']));
  return renewedAt !== undefined && Math.abs(clock.now() - renewedAt) < FRESH_MS;
}

function isRenewed(lease: JsonRecord, before: JsonRecord): boolean {
  const versionOf = (one: JsonRecord): unknown => recordOf(one['metadata'])['resourceVersion'];
  return versionOf(lease) !== versionOf(before);
}

/** Long enough for another replica to take it over. */
function patienceFor(lease: JsonRecord): DurationMs {
  const duration = Number(recordOf(lease['spec'])['leaseDurationSeconds']) || 0;
  return Math.min(Math.max(PATIENCE, 2 * duration * 1_000), 2 * LONGEST_LEASE) as DurationMs;
}
