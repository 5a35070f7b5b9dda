// Two operators at once do no harm: before a login is written, the fence checks that no status announces a later one.
//
// Every login but an object's first is in the status before it is in a Secret, and statuses are written by version. So
// an operator that still holds an older login learns of the newer one before it writes, however late its watches are.
// What a Secret claims of itself counts for nothing.

import { objectKey, SECRETS } from '../../api/meta.ts';
import type { LoginStatus } from '../../api/schema.ts';
import { isSuperseded, type Login } from '../../core/login.ts';
import type { Registry } from '../../core/registries.ts';
import { type PullSecretObject, since } from '../../core/resource.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { withLogins } from '../../core/status.ts';
import type { KubeReader } from '../../kube/client.ts';
import type { StoreWriter } from '../../kube/store.ts';
import { failureFrom } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, parseRfc3339, plus, seconds } from '../../lib/time.ts';
import type { LoginBook } from '../login/login-book.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { readObject } from '../state/read-object.ts';
import { dockerConfigOf, inputsOf, seenSecretOf } from '../state/reduced-objects.ts';
import { likeliestSecrets } from './likeliest-secrets.ts';
import type { StatusWriter } from './status-writer.ts';

export interface FenceParts {
  readonly client: Pick<KubeReader, 'find'>;
  readonly view: ClusterView;
  /** What the fence reads of a Secret is new to the whole process. */
  readonly store: Pick<StoreWriter<SeenSecret>, 'wrote'>;
  readonly logins: LoginBook;
  readonly statuses: StatusWriter;
  readonly clock: Clock;
}

/**
 * `clear`: go on. `wait`: another operator is about to write a newer login. `fetch`: it is not; fetch a login newer
 * still.
 */
export type FenceVerdict =
  | { readonly op: 'clear' }
  | { readonly op: 'wait'; readonly until: EpochMs }
  | { readonly op: 'fetch'; readonly after: ReadonlyMap<string, EpochMs> };

/** The logins that are to be written, and what they were found good enough for. */
export interface Candidate {
  /** As it was when they stood. */
  readonly object: PullSecretObject;
  readonly held: readonly Login[];
  /** Registries whose login was fetched after this status was read: it is the latest, whatever its end. */
  readonly fresh: ReadonlySet<string>;
}

export interface Fence {
  /**
   * Whether the logins held for `object` are the latest that its status announces; takes a later one, or one that this
   * process never had because another replica fetched it, out of its Secrets.
   */
  standing(object: PullSecretObject, registries: readonly Registry[], signal: AbortSignal): Promise<FenceVerdict>;
  /**
   * The caller passes the fence before it writes the logins into any Secret of the object.
   *
   * @param isFirst  all the Secrets to write are new
   * @returns false when the object has changed meanwhile: begin again
   * @throws Failure when the API server could not be asked
   */
  pass(candidate: Candidate, isFirst: boolean, log: Logger, signal: AbortSignal): Promise<boolean>;
  /** Whether `seen`, the object as it is now, announces a later login than these, of another operator. */
  isOvertaken(this: void, candidate: Candidate, seen: PullSecretObject): boolean;
}

/**
 * From announcing a login to writing it into the first Secret; an operator that takes longer has died, or cannot write.
 */
const ANNOUNCED_PATIENCE = seconds(30);
/** The clocks of two operators differ by no more; an announcement from further in the future is no reason to wait. */
const SKEW = (5 * MINUTE) as DurationMs;
/** Secrets read in search of a later login; one is enough unless another writer changes them. */
const MOST_READ = 3;

function comparing({ logins, clock }: Pick<FenceParts, 'logins' | 'clock'>) {
  /** Logins of a status that end later than what is held for the same registry, and that were not held before. */
  const laterThan = ({ uid, status }: PullSecretObject, held: readonly Login[]): readonly LoginStatus[] =>
    (status.logins ?? []).filter(
      (announced) =>
        !logins.wasHeld(uid, announced.registry, announced.digest) &&
        held.some((login) => login.registry === announced.registry && isSuperseded(login, announced, clock.now())),
    );

  const isOvertaken = ({ object, held, fresh }: Candidate, seen: PullSecretObject): boolean => {
    const known = new Set(object.status.logins?.map(({ digest }) => digest));
    return laterThan(seen, held).some(({ registry, digest }) => !fresh.has(registry) || !known.has(digest));
  };
  return { laterThan, isOvertaken };
}

export function createFence(parts: FenceParts): Fence {
  const { client, view, store, logins, statuses, clock } = parts;
  const { laterThan, isOvertaken } = comparing(parts);

  const findLater = async (object: PullSecretObject, isFound: () => boolean, signal: AbortSignal): Promise<void> => {
    const { logins: announced = [], expiresAt } = object.status;
    const likeliest = likeliestSecrets(view, object, announced);
    // Secrets that claim the announced end are the likeliest to hold the login; the status proves whether they do.
    const own = likeliest.toSorted((one, other) => claims(other, expiresAt) - claims(one, expiresAt));
    for (const { namespace, name } of own.slice(0, MOST_READ)) {
      const raw = (await client.find(SECRETS, namespace, name, signal)) ?? {};
      const seen = seenSecretOf(raw);
      if (seen?.managed) store.wrote(objectKey(namespace, name), seen);
      logins.restore(object, dockerConfigOf(raw) ?? '', inputsOf(raw));
      if (isFound()) return;
    }
  };

  return {
    async standing(object, registries, signal) {
      const isLacking = (): boolean => lacks(logins, object, registries, clock.now());
      if (isLacking()) await findLater(object, () => !isLacking(), signal);
      const later = (): readonly LoginStatus[] => laterThan(object, logins.held(object.uid, registries).held);
      if (later().length === 0) return { op: 'clear' };
      await findLater(object, () => later().length === 0, signal);
      const rest = later();
      if (rest.length === 0) return { op: 'clear' };
      const now = clock.now();
      const announcedAt = Math.max(...rest.map(({ refreshedAt }) => parseRfc3339(refreshedAt) ?? 0));
      if (announcedAt > now - ANNOUNCED_PATIENCE && announcedAt <= now + SKEW)
        return { op: 'wait', until: plus(Math.min(announcedAt, now) as EpochMs, ANNOUNCED_PATIENCE) };
      return {
        op: 'fetch',
        after: new Map(rest.map(({ registry, expiresAt }) => [registry, parseRfc3339(expiresAt) ?? now])),
      };
    },
    isOvertaken,
    async pass(candidate, isFirst, log, signal) {
      const { object, held } = candidate;
      const announced = object.status.logins ?? [];
      const stands = async (): Promise<boolean> => {
        const seen = await readObject(client, object, signal);
        // The spec changed: another operator that has seen the change may have written the login already.
        return seen !== undefined && since(object, seen) === 'same' && !isOvertaken(candidate, seen);
      };
      if (isOvertaken(candidate, object)) return false;
      if (announced.length === 0 && isFirst) return true;
      if (held.every(({ digest }) => announced.some((one) => one.digest === digest))) return await stands();
      try {
        return await statuses.write(object, withLogins(object.status, held));
      } catch (thrown) {
        // A login that cannot be announced is still better than one that ends.
        const { message } = failureFrom(thrown);
        log.warn('Could not tell of a new login before writing it', { message }, thrown);
        return await stands();
      }
    },
  };
}

/** Whether nothing is held for a registry whose login, in the status, has not ended. */
function lacks(
  logins: Pick<LoginBook, 'held'>,
  { uid, status }: PullSecretObject,
  registries: readonly Registry[],
  now: EpochMs,
): boolean {
  return registries.some((wanted) => {
    const told = status.logins?.find(({ registry }) => registry === wanted.registry);
    const end = parseRfc3339(told?.expiresAt);
    return end !== undefined && end > now && logins.held(uid, [wanted]).held.length === 0;
  });
}

/** 1 or 0. */
function claims({ expiry }: SeenSecret, expiresAt: string | undefined): number {
  return expiry === expiresAt ? 1 : 0;
}
