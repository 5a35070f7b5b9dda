// One pull Secret, one write: the only file that creates, changes or deletes pull Secrets.
//
// Create is a POST. A change is a merge patch of the operator's own fields that names the uid and the version that it
// means. A delete carries both as preconditions. So no write can hit an object other than the one it was decided for.

import { type ObjectKey, objectKey, SECRETS } from '../../api/meta.ts';
import { DOCKER_CONFIG_TYPE } from '../../api/names.ts';
import { hostsIn } from '../../core/docker-config.ts';
import { isAsWanted, isOwned, type Payload } from '../../core/plan.ts';
import { isCovered } from '../../core/registry-hosts.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { isConflict, isGone, isOtherObject } from '../../kube/api-error.ts';
import type { KubeReader, KubeWriter } from '../../kube/client.ts';
import type { StoreWriter } from '../../kube/store.ts';
import { type JsonRecord, recordOf } from '../../lib/json.ts';
import type { Clock } from '../../lib/time.ts';
import { createSplitSemaphore } from '../../lib/weighted-semaphore.ts';
import { dockerConfigOf, seenSecretOf } from '../state/reduced-objects.ts';
import { adoptionPatch, contentPatch, handOverPatch, newSecret } from './secret-bodies.ts';
import { createSlowWrites } from './slow-writes.ts';

export interface SecretWriter {
  /** @throws ApiError 409 when a Secret of that name exists, 404 when the namespace does not */
  create(owner: PullSecretObject, namespace: string, name: string, payload: Payload): Promise<void>;
  /**
   * @returns false when the Secret already held all that was written
   * @throws ApiError 409 or 422 when it is now another version, or another object
   */
  update(owner: PullSecretObject, seen: SeenSecret, payload: Payload): Promise<boolean>;
  /**
   * Takes over a Secret offered for adoption, in the write that gives it its content: it always has an owner that keeps
   * it. Owners of other kinds stay; another pull secret object steps back as owner.
   *
   * @returns false when it opens a host that `payload` does not, or is no docker config: it is left as it is
   * @throws ApiError as `update`
   */
  adopt(owner: PullSecretObject, seen: SeenSecret, payload: Payload): Promise<boolean>;
  /** A Secret that is gone already, or is now another object, is no error. */
  delete(seen: SeenSecret): Promise<void>;
  /**
   * Makes `owner` the owner of the Secret in place of `formerUid`, in one write; the rest of it stays, and no
   * watcher sees it gone. A Secret that does not exist, is being deleted or never was the former owner's
   * stays as it is.
   *
   * @returns false when it changed meanwhile, and the caller must look again
   */
  handOver(owner: PullSecretObject, formerUid: string, namespace: string, name: string): Promise<boolean>;
  /** Resolves when every write that no caller waits for has ended. */
  ended(): Promise<void>;
  /** The Secret as it is now, not as a watch last showed it; undefined when there is none. */
  read(namespace: string, name: string): Promise<SeenSecret | undefined>;
}

/** What a write of the operator leaves as it is. */
type Kept = Pick<SeenSecret, 'type' | 'immutable'>;
const FRESH: Kept = { type: DOCKER_CONFIG_TYPE, immutable: false };

/**
 * Content in flight at once, as base64. Each write holds it twice (the request as text and as bytes), and its watch
 * event three times more (as bytes, as text and parsed), beside a heap of some 20 MB, under the chart's 64 MB
 * (docs/design/rules.md, rule 14).
 */
const IN_FLIGHT_BYTES = 1_024 * 1_024;

export function createSecretWriter(
  client: Pick<KubeReader, 'get' | 'find' | 'findMetadata'> & Pick<KubeWriter, 'create' | 'patch' | 'delete'>,
  store: Pick<StoreWriter<SeenSecret>, 'wrote' | 'expect'>,
  clock: Clock,
  signal: AbortSignal,
): SecretWriter {
  const { send, ended } = sending(clock, signal);
  const put = putting(send, store);

  return {
    ended,
    handOver: (owner, formerUid, namespace, name) => handOver(client, signal, owner, formerUid, { namespace, name }),
    async create(owner, namespace, name, payload) {
      const body = newSecret(owner, namespace, name, payload);
      const place = { namespace, name };
      await put({ owner, place, kept: FRESH, payload }, (ended) => client.create(SECRETS, namespace, body, ended));
    },
    async update(owner, seen, payload) {
      const isTemplated = seen.templateDigest !== '' && seen.templateDigest !== payload.template.digest;
      return await put({ owner, place: seen, kept: seen, payload }, async (ended) => {
        // Only the Secret itself says what an earlier template left on it.
        const current = isTemplated && (await client.findMetadata(SECRETS, seen.namespace, seen.name, ended));
        const body = contentPatch(owner, seen, payload, current || {});
        const answer = await client.patch(SECRETS, seen, body, ended);
        return recordOf(answer['metadata'])['resourceVersion'] === seen.resourceVersion ? undefined : answer;
      });
    },
    async adopt(owner, seen, payload) {
      const raw = await client.get(SECRETS, seen.namespace, seen.name, signal);
      const opened = hostsIn(dockerConfigOf(raw) ?? '');
      if (!opened?.every((host) => isCovered(host, payload.hosts))) return false;
      const body = adoptionPatch(owner, seen, payload, raw);
      return await put({ owner, place: seen, kept: seen, payload }, (ended) =>
        client.patch(SECRETS, seen, body, ended),
      );
    },
    async delete(seen) {
      const { namespace, name, uid, resourceVersion } = seen;
      try {
        await send(seen, '', async (ended) => {
          await client.delete(SECRETS, { namespace, name }, { uid, resourceVersion }, ended);
          // Only content that is put into a Secret is a repair of it.
          return false;
        });
      } catch (thrown) {
        if (!isGone(thrown) && !isConflict(thrown)) throw thrown;
      }
    },
    async read(namespace, name) {
      const raw = await client.find(SECRETS, namespace, name, signal);
      return raw && seenSecretOf(raw);
    },
  };
}

type Place = Pick<SeenSecret, 'namespace' | 'name'>;

/** What is put into which Secret. */
interface Putting {
  readonly owner: PullSecretObject;
  readonly place: Place;
  readonly kept: Kept;
  readonly payload: Payload;
}

interface Sending {
  /** One write of `content`: it waits for a permit, and the caller waits for it as long as a write usually takes. */
  readonly send: (place: Place, content: string, write: (signal: AbortSignal) => Promise<boolean>) => Promise<boolean>;
  /** Resolves when every write that no caller waits for has ended. */
  readonly ended: () => Promise<void>;
}

function sending(clock: Clock, signal: AbortSignal): Sending {
  const inFlight = createSplitSemaphore(IN_FLIGHT_BYTES, clock);
  const slow = createSlowWrites(clock, signal);
  return {
    ended: () => slow.ended(),
    send: ({ namespace, name }, content, write) =>
      slow.run(namespace, name, (begin, ended) =>
        inFlight.run(content.length, (stepAside) => {
          begin(stepAside);
          return write(ended);
        }),
      ),
  };
}

/**
 * Sends a write that makes a Secret as its owner wants it, expects the watch to show that, and notes the answer: to the
 * owner, which waits for it, neither is news. To an owner that has given it up, both are: it may want something else by
 * then.
 */
function putting(send: Sending['send'], store: Pick<StoreWriter<SeenSecret>, 'wrote' | 'expect'>) {
  /** @param write  gives its answer, or undefined when nothing had to be changed: then the result is false */
  return async (
    { owner, place, kept: { type, immutable }, payload }: Putting,
    write: (signal: AbortSignal) => Promise<JsonRecord | undefined>,
  ): Promise<boolean> => {
    let isAwaited = true;
    /**
     * The answer does not repeat the content. If that, or what came from the template, is not as sent, the watch event
     * of the same version shows it, as news.
     */
    const note = (answer: JsonRecord): void => {
      const seen = seenSecretOf({ ...answer, type, immutable });
      const { contentDigest, template } = payload;
      if (seen) store.wrote(secretKeyOf(seen), { ...seen, contentDigest, templateDigest: template.digest });
    };
    const sent = send(place, payload.content, async (ended) => {
      const isExpected = (seen: SeenSecret): boolean => isAwaited && isAsWanted(seen, owner.uid, payload);
      const release = store.expect(secretKeyOf(place), isExpected);
      try {
        const answer = await write(ended);
        if (answer && isAwaited) note(answer);
        return answer !== undefined;
      } finally {
        release();
      }
    });
    return await sent.finally(() => {
      isAwaited = false;
    });
  };
}

/** Not noted in the store: the watch brings it to the new owner's reconciliation as news. */
async function handOver(
  client: Pick<KubeReader, 'find'> & Pick<KubeWriter, 'patch'>,
  signal: AbortSignal,
  owner: PullSecretObject,
  formerUid: string,
  { namespace, name }: Place,
): Promise<boolean> {
  const raw = await client.find(SECRETS, namespace, name, signal);
  const seen = raw && seenSecretOf(raw);
  if (!seen || seen.deleting || !isOwned(seen, formerUid)) return true;
  try {
    await client.patch(SECRETS, { namespace, name }, handOverPatch(owner, seen, formerUid, raw), signal);
    return true;
  } catch (thrown) {
    if (isGone(thrown) || isOtherObject(thrown)) return false;
    throw thrown;
  }
}

function secretKeyOf({ namespace, name }: Place): ObjectKey {
  return objectKey(namespace, name);
}
