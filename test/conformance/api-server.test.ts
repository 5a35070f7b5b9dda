// The behaviour of a real API server on which the operator's lists and watches rely: a test double would only agree.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RESOURCES } from '../../src/api/kinds.ts';
import { NAMESPACES, type ObjectKey, type ResourceDescriptor, SECRETS } from '../../src/api/meta.ts';
import { MANAGED_BY_LABEL } from '../../src/api/names.ts';
import { isExpired } from '../../src/kube/api-error.ts';
import { createClient, type KubeClient } from '../../src/kube/client.ts';
import { createReflector, type Reflector } from '../../src/kube/reflector.ts';
import { createStore, type Store, type Stored } from '../../src/kube/store.ts';
import type { Transport } from '../../src/kube/transport.ts';
import type { JsonRecord } from '../../src/lib/json.ts';
import { recordOf, stringOf } from '../../src/lib/json.ts';
import { createLogger } from '../../src/lib/log.ts';
import { seconds, systemClock, systemRandom } from '../../src/lib/time.ts';
import { adminOf, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { errorOf, type Metadata, metadataOf, openTransport } from './client-rig.ts';

const { signal } = new AbortController();

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
  test('says of a version that is still to come that it is too large, to a list that asks for it; a watch reports nothing', async () => {
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

  test('answers a watch from a compacted version by an event of 410 or by status 410', async () => {
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

  test('answers a list whose continue token was compacted by status 410', async () => {
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
