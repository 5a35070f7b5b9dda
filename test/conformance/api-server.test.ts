// What we rely on of a real API server, asked with our own transport: a server of our own making would agree with us.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { NAMESPACES, type ObjectKey, type ResourceDescriptor, SECRETS } from '../../src/api/meta.ts';
import { MANAGED_BY_LABEL } from '../../src/api/names.ts';
import {
  ApiError,
  isConflict,
  isExpired,
  isNamespaceTerminating,
  isNotFound,
  isOtherObject,
} from '../../src/kube/api-error.ts';
import { createClient, type KubeClient } from '../../src/kube/client.ts';
import { createEventRecorder } from '../../src/kube/events.ts';
import { createReflector, type Reflector } from '../../src/kube/reflector.ts';
import { createStore, type Store, type Stored } from '../../src/kube/store.ts';
import { createTransport, type Transport } from '../../src/kube/transport.ts';
import type { JsonRecord } from '../../src/lib/json.ts';
import { recordOf, stringOf } from '../../src/lib/json.ts';
import { createLogger } from '../../src/lib/log.ts';
import { seconds, systemClock, systemRandom } from '../../src/lib/time.ts';
import { createClusterView } from '../../src/operator/cluster-view.ts';
import { pullSecretOf, RESOURCES } from '../../src/operator/objects.ts';
import { createStatusWriter } from '../../src/operator/status-writer.ts';
import { type ControlPlane, startControlPlane } from '../../src/testing/control-plane/control-plane.ts';
import { adminOf, eventually, type TestApi } from '../../src/testing/test-api.ts';
import { NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../src/testing/world.ts';
import { createPullSecret } from '../scenario/manifests.ts';

const ANOTHER_UID = '00000000-0000-0000-0000-000000000000';
const { signal } = new AbortController();

function openTransport(plane: ControlPlane): Transport {
  const credentials = { ca: plane.certificateAuthority, headers: { authorization: `Bearer ${plane.adminToken}` } };
  return createTransport({
    access: {
      url: new URL(plane.url),
      namespace: undefined,
      credentials: () => Promise.resolve(credentials),
      invalidate: () => {},
    },
    clock: systemClock,
    userAgent: 'conformance',
  });
}

async function errorOf(promise: Promise<unknown>): Promise<ApiError> {
  const [result] = await Promise.allSettled([promise]);
  assert.equal(result?.status, 'rejected', 'it was expected to fail');
  assert.ok(result.reason instanceof ApiError, String(result.reason));
  return result.reason;
}

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

function metadataOf(raw: JsonRecord): Metadata {
  return raw['metadata'] as Metadata;
}

interface Reflected {
  readonly reflector: Reflector;
  readonly store: Store<Stored>;
  readonly lists: () => number;
  readonly log: () => string;
  stop(): Promise<void>;
}

function reflect(client: KubeClient, resource: ResourceDescriptor, labelSelector = ''): Reflected {
  const store = createStore<Stored>(() => {});
  const lines: string[] = [];
  let lists = 0;
  const reflector = createReflector({
    client: {
      ...client,
      list(...args) {
        lists += 1;
        return client.list(...args);
      },
    },
    resource,
    labelSelector,
    store,
    reduce: (raw) => ({ resourceVersion: stringOf(recordOf(raw['metadata'])['resourceVersion']) ?? '' }),
    clock: systemClock,
    random: systemRandom,
    log: createLogger({ level: 'debug', format: 'json', write: (line) => void lines.push(line), clock: systemClock }),
  });
  const stopping = new AbortController();
  const running = reflector.run(stopping.signal);
  return {
    reflector,
    store,
    lists: () => lists,
    log: () => lines.join(''),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

describe('a real API server', () => {
  const world = useWorld();
  let transport: Transport;
  let client: KubeClient;
  let namespace = '';

  before(async () => {
    transport = openTransport(world.plane);
    client = createClient(transport, 'conformance');
    namespace = await world.api.createNamespace();
  });
  after(() => transport.close());

  const createSecret = async (name: string, more: JsonRecord = {}): Promise<Metadata> =>
    metadataOf(
      await client.create(
        SECRETS,
        namespace,
        { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, ...more },
        signal,
      ),
    );

  test('answers a delete with a wrong uid by 409 and leaves the object', async () => {
    const { name, resourceVersion } = await createSecret('wrong-uid');
    const error = await errorOf(
      client.delete(SECRETS, { namespace, name }, { uid: ANOTHER_UID, resourceVersion }, signal),
    );
    assert.ok(isConflict(error));
    assert.equal((await world.api.get(SECRET_PATH(namespace, name))).status, 200);
    // The connection is as good as before: the body was framed.
    assert.equal(metadataOf(await client.get(SECRETS, namespace, name, signal)).name, name);
  });

  test('answers a delete with a stale version by 409 and leaves the object', async () => {
    const { name, uid, resourceVersion } = await createSecret('stale-version');
    await world.api.merge(SECRET_PATH(namespace, name), { metadata: { labels: { a: 'b' } } });
    assert.ok(isConflict(await errorOf(client.delete(SECRETS, { namespace, name }, { uid, resourceVersion }, signal))));
    assert.equal((await world.api.get(SECRET_PATH(namespace, name))).status, 200);
  });

  test('answers a delete with the right uid and version by deleting', async () => {
    const { name, uid, resourceVersion } = await createSecret('right');
    await client.delete(SECRETS, { namespace, name }, { uid, resourceVersion }, signal);
    assert.ok(isNotFound(await errorOf(client.get(SECRETS, namespace, name, signal))));
  });

  test('answers a patch with a stale version by 409 and with a wrong uid by 422, and changes nothing', async () => {
    const { name, uid, resourceVersion } = await createSecret('patched');
    const at = { namespace, name };
    const data = { key: 'eA==' };
    await world.api.merge(SECRET_PATH(namespace, name), { metadata: { labels: { a: 'b' } } });
    const stale = await errorOf(client.patch(SECRETS, at, { metadata: { uid, resourceVersion }, data }, signal));
    assert.ok(isConflict(stale) && isOtherObject(stale));
    const other = await errorOf(client.patch(SECRETS, at, { metadata: { uid: ANOTHER_UID }, data }, signal));
    assert.equal(other.status, 422);
    assert.ok(isOtherObject(other) && !isConflict(other));
    const invalid = await errorOf(client.patch(SECRETS, at, { metadata: { labels: { a: '!' } } }, signal));
    assert.equal(invalid.status, 422);
    assert.ok(!isOtherObject(invalid), 'trying again does not help');
    assert.equal((await world.api.get(SECRET_PATH(namespace, name))).body.data, undefined);
  });

  test('takes a status with a wrong uid (200), but not one with the version of another object (409)', async () => {
    const created = metadataOf(await createPullSecret(world.api, namespace, 'guarded'));
    const at = { namespace, name: 'guarded', subresource: 'status' } as const;
    const resource = RESOURCES.AWSECRImagePullSecret;
    const status = { observedGeneration: 77 };
    // This is why the status writer says the version; a server that refuses this would do no harm.
    await client.patch(resource, at, { metadata: { uid: ANOTHER_UID }, status }, signal);
    await world.api.must('DELETE', NAMESPACED_PATH(namespace, 'guarded'));
    await createPullSecret(world.api, namespace, 'guarded');
    const { uid, resourceVersion } = created;
    assert.ok(
      isConflict(await errorOf(client.patch(resource, at, { metadata: { uid, resourceVersion }, status }, signal))),
    );
    const { body } = await world.api.get(NAMESPACED_PATH(namespace, 'guarded'));
    assert.deepEqual(body.status, { observedGeneration: -1 });
  });

  test('lets the status writer write nothing into an object of the same name that was created since', async () => {
    const raw = await createPullSecret(world.api, namespace, 'created-again');
    const object = pullSecretOf('AWSECRImagePullSecret', raw);
    assert.ok(object);
    const nothing = (): void => {};
    const view = createClusterView({
      enqueue: nothing,
      onGone: nothing,
      onCredentials: nothing,
      onLegacy: nothing,
      operatorNamespace: 'x',
    });
    const writer = createStatusWriter(client, view, signal);
    await world.api.must('DELETE', NAMESPACED_PATH(namespace, 'created-again'));
    assert.equal(await writer.write(object, { observedGeneration: 5 }), true, 'gone: nothing is left to be said');
    const again = pullSecretOf('AWSECRImagePullSecret', await createPullSecret(world.api, namespace, 'created-again'));
    assert.ok(again);
    assert.equal(await writer.write(object, { observedGeneration: 5 }), false);
    assert.equal(await writer.write(again, { observedGeneration: 1 }), true);
    const { body } = await world.api.get(NAMESPACED_PATH(namespace, 'created-again'));
    assert.equal(body.status.observedGeneration, 1);
  });

  test('says that a namespace is missing by 404, and that one is terminating by 403 with a cause', async () => {
    const create = (where: string): Promise<ApiError> => {
      const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'late', namespace: where } };
      return errorOf(client.create(SECRETS, where, body, signal));
    };
    assert.ok(isNotFound(await create('there-is-no-such-namespace')));
    await world.api.must('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'held-open' },
      spec: { finalizers: ['example.com/held'] },
    });
    await world.api.must('DELETE', '/api/v1/namespaces/held-open');
    const error = await create('held-open');
    assert.equal(error.status, 403);
    assert.ok(isNamespaceTerminating(error));
    await eventually(async () => {
      const { body } = await world.api.get('/api/v1/namespaces/held-open');
      const finalized = { ...body, spec: { finalizers: [] } };
      const { status } = await world.api.send('PUT', '/api/v1/namespaces/held-open/finalize', finalized);
      return status === 200 ? true : undefined;
    });
  });

  test('takes an Event about an object of a long name in a note of 1024 bytes, and no byte more', async () => {
    const lines: string[] = [];
    const events = createEventRecorder({
      client,
      clock: systemClock,
      log: createLogger({ level: 'debug', format: 'json', write: (line) => void lines.push(line), clock: systemClock }),
      instance: 'conformance',
      controller: 'aws.zakariaamine.com/conformance',
      signal,
    });
    const regarding = { apiVersion: 'v1', kind: 'Secret', namespace, name: `${'a'.repeat(199)}.b`, uid: ANOTHER_UID };
    events.record(regarding, {
      type: 'Normal',
      reason: 'Long',
      action: 'Write',
      note: `${'ü'.repeat(511)}xy${'z'.repeat(9)}`,
    });
    await events.flush();
    assert.deepEqual(lines, []);
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    const [event] = (await world.api.get(path)).body.items;
    assert.equal(event.note, `${'ü'.repeat(511)}xy`);
    const longer = { ...event, metadata: { name: 'longer', namespace }, note: `${event.note}z` };
    assert.equal((await world.api.send('POST', path, longer)).status, 422);
  });

  test('says that the name of an object is taken by 409, whatever is in the object', async () => {
    await createSecret('taken');
    const error = await errorOf(
      createSecret('taken', { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'e30=' } }),
    );
    assert.equal(error.apiReason, 'AlreadyExists');
  });

  test('has Secrets of over four MiB, which a list and a watch leave out while they keep the others', async () => {
    const labels = { [MANAGED_BY_LABEL]: 'somebody' };
    const metadata = (name: string): JsonRecord => ({ metadata: { name, namespace, labels } });
    // A type has no length limit, and each `<` is six bytes of JSON.
    const createLarge = (name: string): Promise<JsonRecord> =>
      world.api.must('POST', SECRET_PATH(namespace), { ...metadata(name), type: '<'.repeat(1_000_000) });
    await createLarge('large-1');
    await createSecret('small-1', metadata('small-1'));
    const reflected = reflect(client, SECRETS, `${MANAGED_BY_LABEL}=somebody`);
    const keys = (): ObjectKey[] => [...reflected.store.entries()].map(([key]) => key).sort();
    await reflected.reflector.synced;
    assert.deepEqual(keys(), [`${namespace}/small-1`]);
    await createLarge('large-2');
    await createSecret('small-2', metadata('small-2'));
    await eventually(() => (reflected.store.size === 2 ? true : undefined));
    assert.deepEqual(keys(), [`${namespace}/small-1`, `${namespace}/small-2`]);
    await reflected.stop();
    for (const name of ['large-1', 'large-2']) assert.ok(reflected.log().includes(`"object":"${namespace}/${name}"`));
    for (const name of ['large-1', 'large-2']) await world.api.must('DELETE', SECRET_PATH(namespace, name));
  });

  // Rule 13
  test('says of a version that is still to come that it is too large, to a list that asks for it; a watch says nothing', async () => {
    const { resourceVersion } = await createSecret('now');
    const later = String(BigInt(resourceVersion) + 100_000n);
    for (const resource of [NAMESPACES, SECRETS, RESOURCES.AWSECRImagePullSecret]) {
      const check = (notOlderThan: string): Promise<unknown> =>
        client.list(resource, { limit: 1, notOlderThan }, signal);
      await check(resourceVersion);
      assert.ok(isExpired(await errorOf(check(later))), resource.plural);
    }
    const silent: string[] = [];
    const watch = { resourceVersion: later, timeoutSeconds: 1, deadline: seconds(30) };
    for await (const line of client.watch(SECRETS, watch, signal)) silent.push(JSON.stringify(line));
    assert.deepEqual(silent, []);
  });

  test('answers a made-up continue token by an error that is no success', async () => {
    const error = await errorOf(client.list(NAMESPACES, { limit: 1, next: 'made-up' }, signal));
    assert.equal(error.status, 400);
  });
});

describe('an API server that forgets and falls', () => {
  let plane: ControlPlane;
  let api: TestApi;
  let transport: Transport;
  let client: KubeClient;

  before(async () => {
    plane = await startControlPlane({ apiServerFlags: ['--etcd-compaction-interval=1s', '--watch-cache=false'] });
    api = adminOf(plane);
    transport = openTransport(plane);
    client = createClient(transport, 'conformance');
  });
  after(async () => {
    transport.close();
    await plane.stop();
  });

  const names = (store: Store<Stored>): string[] => [...store.entries()].map(([key]) => key.slice(1));

  test('tells a watch from a compacted version so, by an event of 410 or by status 410', async () => {
    const told = await eventually(async () => {
      await api.createNamespace();
      try {
        const options = { resourceVersion: '1', timeoutSeconds: 2, deadline: seconds(5) };
        for await (const line of client.watch(NAMESPACES, options, signal)) {
          const { type, object } = line.op === 'line' ? JSON.parse(line.text) : {};
          return type === 'ERROR' && object.code === 410 ? 'event' : undefined;
        }
      } catch (thrown) {
        return isExpired(thrown) ? 'status' : undefined;
      }
    }, 30_000);
    assert.ok(['event', 'status'].includes(told));
  });

  test('tells a list whose continue token was compacted so, by status 410', async () => {
    const first = await client.list(NAMESPACES, { limit: 1 }, signal);
    assert.ok(first.ok);
    await eventually(async () => {
      await api.createNamespace();
      try {
        await client.list(NAMESPACES, { limit: 1, next: first.next }, signal);
        return undefined;
      } catch (thrown) {
        return isExpired(thrown) ? true : undefined;
      }
    }, 30_000);
  });

  // Rule 13
  test('leads a store that was left behind for good to a new list, and to the same namespaces again', async () => {
    let wantsOld = false;
    const behind: KubeClient = {
      ...client,
      watch: (resource, options, inner) =>
        client.watch(resource, wantsOld ? { ...options, resourceVersion: '1' } : options, inner),
    };
    const reflected = reflect(behind, NAMESPACES);
    await reflected.reflector.synced;
    wantsOld = true;
    const before = reflected.lists();
    await plane.restartApiServer();
    await eventually(() => (reflected.lists() > before ? true : undefined), 60_000);
    wantsOld = false;
    const fresh = await api.createNamespace();
    await eventually(() => (names(reflected.store).includes(fresh) ? true : undefined), 60_000);
    await reflected.stop();
  });

  // Rule 13
  test('that is killed and started again is followed on: what came and went meanwhile is known', async () => {
    const old = await api.createNamespace();
    const reflected = reflect(client, NAMESPACES);
    await reflected.reflector.synced;
    await plane.killApiServer();
    await eventually(() => reflected.reflector.trouble());
    await plane.restartApiServer();
    const fresh = await api.createNamespace();
    const body = await api.merge(`/api/v1/namespaces/${old}`, { metadata: { labels: { seen: 'yes' } } });
    await eventually(() => {
      const isHeld = reflected.store.get(`/${old}`)?.resourceVersion === body.metadata.resourceVersion;
      return names(reflected.store).includes(fresh) && isHeld ? true : undefined;
    }, 60_000);
    await reflected.stop();
    assert.equal(reflected.reflector.trouble(), undefined);
    assert.ok(reflected.lists() > 1, 'it may have come back with another state');
  });
});
