// One pull Secret, one write: the only file that creates, changes or deletes pull Secrets.
//
// Create is a POST. A change is a merge patch of the operator's own fields that names the uid and the version that it
// means. A delete carries both as preconditions. So no write can hit an object other than the one it was decided for.

import { type ObjectKey, objectKey, SECRETS } from '../../api/meta.ts';
import {
  ADOPT_ANNOTATION,
  API_VERSION,
  DOCKER_CONFIG_KEY,
  DOCKER_CONFIG_TYPE,
  EXPIRY_ANNOTATION,
  INPUTS_ANNOTATION,
  MANAGED_BY_LABEL,
  OPERATOR_NAME,
  OWNER_UID_LABEL,
} from '../../api/names.ts';
import { type OwnerReference, reparented } from '../../core/conversion.ts';
import { hostsIn } from '../../core/docker-config.ts';
import { isOwned, type Payload, type SeenSecret } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { isConflict, isNotFound, isOtherObject } from '../../kube/api-error.ts';
import type { KubeReader, KubeWriter } from '../../kube/client.ts';
import type { StoreWriter } from '../../kube/store.ts';
import { type JsonRecord, recordOf } from '../../lib/json.ts';
import type { Clock } from '../../lib/time.ts';
import { createSplitSemaphore } from '../../lib/weighted-semaphore.ts';
import { dockerConfigOf, isOfOurGroup, seenSecretOf } from '../state/reduced-objects.ts';
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
  client: Pick<KubeReader, 'get' | 'find'> & Pick<KubeWriter, 'create' | 'patch' | 'delete'>,
  store: Pick<StoreWriter<SeenSecret>, 'wrote'>,
  clock: Clock,
  signal: AbortSignal,
): SecretWriter {
  const inFlight = createSplitSemaphore(IN_FLIGHT_BYTES, clock);
  const slow = createSlowWrites(clock, signal);

  /** One write of `content`: it waits for a permit, and the caller waits for it as long as a write usually takes. */
  const send = (
    { namespace, name }: Pick<SeenSecret, 'namespace' | 'name'>,
    content: string,
    write: (signal: AbortSignal) => Promise<boolean>,
  ): Promise<boolean> =>
    slow.run(namespace, name, (begin, ended) =>
      inFlight.run(content.length, (stepAside) => {
        begin(stepAside);
        return write(ended);
      }),
    );
  /**
   * The answer does not repeat the content. If the content is not as sent, the watch event of the same version shows
   * it.
   */
  const note = (answer: JsonRecord, { type, immutable }: Kept, { content }: Payload): true => {
    const seen = seenSecretOf({ ...answer, type, immutable, data: { [DOCKER_CONFIG_KEY]: content } });
    if (seen) store.wrote(secretKeyOf(seen), seen);
    return true;
  };

  return {
    ended: () => slow.ended(),
    async create(owner, namespace, name, payload) {
      const body = {
        apiVersion: 'v1',
        kind: 'Secret',
        type: DOCKER_CONFIG_TYPE,
        metadata: { name, namespace, ...ourMetadata(owner, payload), ownerReferences: [ownerReference(owner)] },
        data: { [DOCKER_CONFIG_KEY]: payload.content },
      };
      await send({ namespace, name }, payload.content, async (ended) =>
        note(await client.create(SECRETS, namespace, body, ended), FRESH, payload),
      );
    },
    async update(owner, seen, payload) {
      const body = {
        metadata: { uid: seen.uid, resourceVersion: seen.resourceVersion, ...ourMetadata(owner, payload) },
        data: { [DOCKER_CONFIG_KEY]: payload.content },
      };
      return await send(seen, payload.content, async (ended) => {
        const answer = await client.patch(SECRETS, seen, body, ended);
        if (recordOf(answer['metadata'])['resourceVersion'] === seen.resourceVersion) return false;
        return note(answer, seen, payload);
      });
    },
    async adopt(owner, seen, payload) {
      const { namespace, name, uid, resourceVersion } = seen;
      const raw = await client.get(SECRETS, namespace, name, signal);
      const opened = hostsIn(dockerConfigOf(raw) ?? '');
      if (!opened?.every((host) => payload.hosts.includes(host))) return false;
      const ours = ourMetadata(owner, payload);
      const body = {
        metadata: {
          // Those of the decision: the API server refuses when it is now another object, or has changed since.
          uid,
          resourceVersion,
          labels: ours.labels,
          annotations: { ...ours.annotations, [ADOPT_ANNOTATION]: null },
          ownerReferences: reparented(ownersOf(raw), isOfOurGroup, ownerReference(owner)),
        },
        data: { [DOCKER_CONFIG_KEY]: payload.content },
      };
      return await send(seen, payload.content, async (ended) =>
        note(await client.patch(SECRETS, seen, body, ended), seen, payload),
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
        if (!isNotFound(thrown) && !isConflict(thrown)) throw thrown;
      }
    },
    async handOver(owner, formerUid, namespace, name) {
      const raw = await client.find(SECRETS, namespace, name, signal);
      const seen = raw && seenSecretOf(raw);
      if (!seen || seen.deleting || !isOwned(seen, formerUid)) return true;
      const body = {
        metadata: {
          uid: seen.uid,
          resourceVersion: seen.resourceVersion,
          labels: ourLabels(owner),
          ownerReferences: reparented(ownersOf(raw), ({ uid }) => uid === formerUid, ownerReference(owner)),
        },
      };
      try {
        // Not noted in the store: the watch brings it to the new owner's reconciliation as news.
        await client.patch(SECRETS, { namespace, name }, body, signal);
        return true;
      } catch (thrown) {
        if (isNotFound(thrown) || isOtherObject(thrown)) return false;
        throw thrown;
      }
    },
    async read(namespace, name) {
      const raw = await client.find(SECRETS, namespace, name, signal);
      return raw && seenSecretOf(raw);
    },
  };
}

function secretKeyOf({ namespace, name }: SeenSecret): ObjectKey {
  return objectKey(namespace, name);
}

function ourLabels({ uid }: PullSecretObject): JsonRecord {
  return { [MANAGED_BY_LABEL]: OPERATOR_NAME, [OWNER_UID_LABEL]: uid };
}

function ourMetadata(
  owner: PullSecretObject,
  { expiry, inputs }: Payload,
): { readonly labels: JsonRecord; readonly annotations: JsonRecord } {
  return {
    labels: ourLabels(owner),
    annotations: { [EXPIRY_ANNOTATION]: expiry, [INPUTS_ANNOTATION]: inputs },
  };
}

function ownersOf(raw: JsonRecord): unknown {
  return recordOf(raw['metadata'])['ownerReferences'];
}

/** Without `blockOwnerDeletion`: that would need rights on the CR's finalizers, and nothing here needs to block. */
function ownerReference({ kind, name, uid }: PullSecretObject): OwnerReference {
  return { apiVersion: API_VERSION, kind, name, uid, controller: true };
}
