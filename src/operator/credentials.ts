// The AWS keys of a CR: those in its spec, or those in the Secret it refers to, read when they are needed.

import { type ObjectKey, objectKey, SECRETS } from '../api/meta.ts';
import { type Credentials, fingerprint, type Identity, parseCredentials } from '../core/identity.ts';
import type { PullSecretObject } from '../core/resource.ts';
import type { KubeClient } from '../kube/client.ts';
import { failureFrom } from '../lib/errors.ts';
import type { JsonRecord } from '../lib/json.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, plus } from '../lib/time.ts';
import { credentialsNamespace } from './cluster-view.ts';

export type Resolved =
  | {
      readonly ok: true;
      readonly credentials: Credentials;
      readonly fingerprint: string;
      /** When to look again; undefined for keys that stand in the spec. */
      readonly lookAgainAt: EpochMs | undefined;
    }
  | { readonly ok: false; readonly message: string; readonly denied: boolean; readonly lookAgainAt: EpochMs };

export interface CredentialResolver {
  resolve(object: PullSecretObject, identity: Identity, signal: AbortSignal): Promise<Resolved>;
  /** A Secret changed: it is read again at the next need. */
  forget(key: ObjectKey): void;
}

/** A Secret without our label is read again after this time (docs/rules.md, rule 8). */
const LOOK_AGAIN_AFTER = (5 * MINUTE) as DurationMs;
/** While the API server does not answer. */
const TRY_AGAIN_AFTER = (MINUTE / 6) as DurationMs;

interface Read {
  /** Undefined: there is no such Secret. */
  readonly secret: JsonRecord | undefined;
  /** On the clock that never goes back. */
  readonly staleAt: DurationMs;
}

export function createCredentialResolver(
  client: KubeClient,
  clock: Clock,
  operatorNamespace: string,
): CredentialResolver {
  const reads = new Map<ObjectKey, Promise<Read>>();

  const read = async (namespace: string, name: string, signal: AbortSignal): Promise<Read> => {
    const staleAt = (clock.monotonic() + LOOK_AGAIN_AFTER) as DurationMs;
    return { secret: await client.find(SECRETS, namespace, name, signal), staleAt };
  };

  /** One read serves every CR that asks within five minutes; a failed one serves nobody else. */
  const shared = async (namespace: string, name: string, signal: AbortSignal): Promise<Read> => {
    const key = objectKey(namespace, name);
    const held = await reads.get(key)?.catch(() => undefined);
    if (held && held.staleAt > clock.monotonic()) return held;
    const started = read(namespace, name, signal);
    reads.set(key, started);
    started.catch(() => reads.delete(key));
    return await started;
  };

  return {
    forget: (key) => void reads.delete(key),
    async resolve(object, identity, signal) {
      if (identity.op === 'inline') {
        return {
          ok: true,
          credentials: identity.credentials,
          fingerprint: fingerprint(identity.credentials),
          lookAgainAt: undefined,
        };
      }
      const namespace = credentialsNamespace(object, operatorNamespace);
      const called = `secret ${identity.secretName} in namespace ${namespace}`;
      try {
        const { secret, staleAt } = await shared(namespace, identity.secretName, signal);
        const lookAgainAt = plus(clock.now(), Math.max(0, staleAt - clock.monotonic()) as DurationMs);
        if (!secret)
          return {
            ok: false,
            message: `${called} does not exist (spec.awsAccess.secretRef)`,
            denied: true,
            lookAgainAt,
          };
        const credentials = parseCredentials(secret['data'], identity.keys);
        if (typeof credentials === 'string')
          return { ok: false, message: `${called} ${credentials}`, denied: true, lookAgainAt };
        return { ok: true, credentials, fingerprint: fingerprint(credentials), lookAgainAt };
      } catch (thrown) {
        const message = `${called} could not be read: ${failureFrom(thrown).message}`;
        return { ok: false, message, denied: false, lookAgainAt: plus(clock.now(), TRY_AGAIN_AFTER) };
      }
    },
  };
}
