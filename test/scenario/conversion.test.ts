// AWSECRCredential objects as the Go project left them become ClusterAWSECRImagePullSecret objects, and no Secret is
// ever missing, whatever happens on the way.

import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { CLUSTER_KIND, LEGACY_API_VERSION, LEGACY_KIND } from '../../src/api/names.ts';
import type { PullSecretStatus } from '../../src/api/schema.ts';
import { type SecretWatch, watchSecrets } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { type FaultProxy, type ProxiedRequest, startFaultProxy } from '../../testing/network/fault-proxy.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  GOOD_KEY,
  LEGACY_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS, createClusterPullSecret } from './manifests.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
/** As the Go project's webhook stored it. */
const STORED_ACCESS = {
  ...ACCESS,
  accessKeyId: base64(GOOD_KEY.accessKeyId),
  secretAccessKey: base64(GOOD_KEY.secretAccessKey),
};
const DOCKER_CONFIG = base64('{"auths":{"111122223333.dkr.ecr.eu-west-1.amazonaws.com":{"auth":"eDp5"}}}');

interface Owned {
  readonly name: string;
  readonly namespaces: readonly string[];
  readonly spec: object;
  readonly uid: string;
  /** Uids of its Secrets, by namespace. */
  readonly secrets: ReadonlyMap<string, string>;
}

describe('conversion of the deprecated kind', () => {
  const world = useWorld();
  let operator: RunningOperator | undefined;
  let proxy: FaultProxy | undefined;
  let watch: SecretWatch | undefined;
  let serial = 0;

  beforeEach(() => {
    watch = undefined;
  });
  const removeLegacy = async (): Promise<void> => {
    for (const { metadata } of (await world.api.get(LEGACY_PATH())).body.items ?? []) {
      if (metadata.finalizers) await world.api.send('PATCH', LEGACY_PATH(metadata.name), UNHINDERED, MERGE);
      await world.api.send('DELETE', LEGACY_PATH(metadata.name));
    }
  };
  afterEach(async () => {
    await operator?.stop();
    await proxy?.stop();
    watch?.stop();
    [operator, proxy] = [undefined, undefined];
    await removeLegacy();
  });
  after(removeLegacy);

  const createLegacy = async (namespaces: readonly string[], spec: object = {}, metadata: object = {}) => {
    serial += 1;
    const name = `legacy-${process.pid}-${serial}`;
    return await world.api.must('POST', LEGACY_PATH(), {
      apiVersion: LEGACY_API_VERSION,
      kind: LEGACY_KIND,
      metadata: { name, ...metadata },
      spec: { awsAccess: STORED_ACCESS, secretName: name, namespaces, ...spec },
    });
  };

  /** As the Go project made them: no labels, an owner reference without `controller`, the annotation `expiry`. */
  const createSecret = async (namespace: string, { name, uid }: Pick<Owned, 'name' | 'uid'>) =>
    await world.api.must('POST', SECRET_PATH(namespace), {
      type: 'kubernetes.io/dockerconfigjson',
      metadata: {
        name,
        annotations: { expiry: '2023-10-05T08:45:52Z' },
        ownerReferences: [{ apiVersion: LEGACY_API_VERSION, kind: LEGACY_KIND, name, uid }],
      },
      data: { '.dockerconfigjson': DOCKER_CONFIG },
    });

  /** An object with a Secret in each of `count` namespaces, and a watch on them. */
  const createOwned = async (count = 2, metadata: object = {}, more: readonly string[] = []): Promise<Owned> => {
    const namespaces = await Promise.all(Array.from({ length: count }, () => world.api.createNamespace({}, 'old')));
    const old = await createLegacy([...namespaces, ...more], {}, metadata);
    const { name, uid } = old.metadata;
    const secrets = new Map<string, string>();
    for (const namespace of namespaces) {
      const made = await createSecret(namespace, { name, uid });
      secrets.set(namespace, made.metadata.uid);
      watch ??= watchSecrets(world.plane, made.metadata.resourceVersion);
    }
    return { name, uid, namespaces, spec: old.spec, secrets };
  };

  const gone = async (name: string): Promise<true | undefined> => {
    const { status, body } = await world.api.get(LEGACY_PATH(name));
    return status === 404 || body.metadata.deletionTimestamp !== undefined ? true : undefined;
  };

  /** The end of every test: one object, its Secrets the same ones as before, and no watcher ever missed one. */
  const assertConverted = async ({ name, uid, spec, secrets }: Owned): Promise<PullSecretStatus> => {
    await eventually(() => gone(name));
    // The garbage collector lets it go after a search for what it owns: from then on it can collect nothing.
    await eventually(async () => ((await world.api.get(LEGACY_PATH(name))).status === 404 ? true : undefined), 60_000);
    // The operator waits half a minute for a login that an earlier one announced, and that ends in the same second.
    const isWhole = (found: PullSecretStatus): boolean => found.secrets?.ready === secrets.size;
    const status = await world.status(CLUSTER_PATH(name), isWhole, 60_000);
    const successor = await world.api.must('GET', CLUSTER_PATH(name));
    assert.deepEqual(successor.spec, spec);
    assert.deepEqual(successor.metadata.annotations, {
      'aws.zakariaamine.com/converted-from': `${LEGACY_KIND}/${uid}`,
    });
    for (const field of ['labels', 'ownerReferences', 'finalizers']) assert.equal(successor.metadata[field], undefined);
    for (const [namespace, secretUid] of secrets) {
      const { metadata } = await world.api.must('GET', SECRET_PATH(namespace, name));
      assert.equal(metadata.uid, secretUid);
      const { uid: owner } = successor.metadata;
      assert.deepEqual(metadata.ownerReferences, [
        { apiVersion: successor.apiVersion, kind: CLUSTER_KIND, name, uid: owner, controller: true },
      ]);
      assert.equal(metadata.labels['app.kubernetes.io/managed-by'], 'kube-ecr-secrets-operator');
      assert.equal(metadata.labels['aws.zakariaamine.com/owner-uid'], owner);
    }
    const missed = await eventually(() => {
      const events = watch?.events(name).filter(({ namespace }) => secrets.has(namespace)) ?? [];
      const areAll = new Set(events.map(({ namespace }) => namespace)).size === secrets.size;
      return areAll ? events.filter((event) => event.type === 'DELETED') : undefined;
    });
    assert.deepEqual(missed, []);
    return status;
  };

  /** The first condition of the old object, once it has this reason. */
  const refused = (name: string, reason: string) =>
    eventually(async () => {
      const { body } = await world.api.get(LEGACY_PATH(name));
      return body.status?.conditions?.find((found: { reason: string }) => found.reason === reason);
    });

  test('gives the successor the same spec and every secret, and nothing else of the old object', async () => {
    const owner = await world.api.must('GET', '/api/v1/namespaces/default');
    const owned = await createOwned(3, {
      labels: { app: 'x' },
      annotations: { note: 'x' },
      finalizers: ['example.com/keep'],
      ownerReferences: [{ apiVersion: 'v1', kind: 'Namespace', name: 'default', uid: owner.metadata.uid }],
    });
    operator = await world.startOperator();
    await eventually(() => gone(owned.name));
    // The garbage collector's own finalizer comes first.
    await eventually(async () => {
      const { metadata } = await world.api.must('GET', LEGACY_PATH(owned.name));
      return metadata.finalizers.includes('orphan') ? undefined : true;
    }, 60_000);
    await world.api.send('PATCH', LEGACY_PATH(owned.name), UNHINDERED, MERGE);
    const status = await assertConverted(owned);
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
    assert.ok(!operator.output().includes(GOOD_KEY.secretAccessKey));
    assert.ok(!operator.output().includes(STORED_ACCESS.secretAccessKey));
  });

  test('does not take away a secret in a namespace that had been dropped from the list', async () => {
    const owned = await createOwned(1);
    const dropped = await world.api.createNamespace();
    const made = await createSecret(dropped, owned);
    operator = await world.startOperator();
    await assertConverted(owned);
    const { metadata } = await world.api.must('GET', SECRET_PATH(dropped, owned.name));
    assert.equal(metadata.uid, made.metadata.uid);
    assert.equal(metadata.ownerReferences, undefined);
  });

  test('leaves alone a secret in its place that it does not own, and goes on without a namespace that is missing', async () => {
    const foreign = await world.api.createNamespace();
    const owned = await createOwned(1, {}, [foreign, 'not-there']);
    const before = await world.api.must('POST', SECRET_PATH(foreign), {
      metadata: { name: owned.name },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': DOCKER_CONFIG },
    });
    operator = await world.startOperator();
    const status = await assertConverted(owned);
    assert.deepEqual(status.problems?.items.map(({ reason }) => reason).sort(), [
      'NamespaceNotFound',
      'SecretConflict',
    ]);
    assert.deepEqual(await world.api.must('GET', SECRET_PATH(foreign, owned.name)), before);
  });

  /** Kills, or cuts off, at the `count`-th request that is `meant`; Events never are. */
  const at = (
    count: number,
    fate: 'lose' | 'die',
    told: { happened: boolean },
    meant: (asked: ProxiedRequest) => boolean = ({ method }) => method !== 'GET',
  ) => {
    let seen = 0;
    return (asked: ProxiedRequest) => {
      if (!meant(asked) || asked.path.includes('/events')) return 'pass';
      seen += 1;
      if (seen !== count) return 'pass';
      told.happened = true;
      return fate;
    };
  };

  test('is finished by the next start when the process is killed after any of its requests', async () => {
    for (let count = 1; ; count += 1) {
      const owned = await createOwned();
      proxy = await startFaultProxy(world.plane, world.token);
      const killed = { happened: false };
      proxy.decide(at(count, 'die', killed));
      operator = await world.startOperator({ access: proxy.access });
      const end = await eventually(async () => {
        if (killed.happened) return 'killed';
        const { body } = await world.api.get(CLUSTER_PATH(owned.name));
        return body.status?.secrets?.ready === 2 && (await gone(owned.name)) ? 'whole' : undefined;
      });
      await operator.stop();
      await proxy.stop();
      operator = await world.startOperator();
      const status = await assertConverted(owned);
      assert.equal(conditionOf(status, 'Ready')?.status, 'True', `killed after request ${count}`);
      await operator.stop();
      watch?.stop();
      watch = undefined;
      // One request for the successor, two hand-overs, one deletion: fewer would mean that the test tried nothing.
      if (end === 'whole') return assert.ok(count > 4);
    }
  });

  test('goes on by itself when the answer to any of its requests is lost', async () => {
    for (let count = 1; ; count += 1) {
      const owned = await createOwned();
      proxy = await startFaultProxy(world.plane, world.token);
      const lost = { happened: false };
      // Reading one object counts too.
      const meant = ({ method, path }: ProxiedRequest): boolean => method !== 'GET' || path.endsWith(owned.name);
      proxy.decide(at(count, 'lose', lost, meant));
      operator = await world.startOperator({ access: proxy.access });
      const status = await assertConverted(owned);
      assert.equal(conditionOf(status, 'Ready')?.status, 'True', `lost the answer to request ${count}`);
      await operator.stop();
      await proxy.stop();
      watch?.stop();
      watch = undefined;
      // The reads of the old object, of its successor and of each secret are eight or more.
      if (!lost.happened) return assert.ok(count > 12);
    }
  });

  const isHandOver = ({ method, body }: ProxiedRequest): boolean =>
    method === 'PATCH' && body.includes('ownerReferences');

  /** Holds back every hand-over until it is released; resolves `reached` at the first. */
  const holdHandOvers = () => {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<'pass'>();
    proxy?.decide((asked) => {
      if (!isHandOver(asked)) return 'pass';
      reached.resolve();
      return released.promise;
    });
    return { reached: reached.promise, release: () => released.resolve('pass') };
  };

  test('is no conflict to the successor while its secrets are on their way', async () => {
    const owned = await createOwned();
    proxy = await startFaultProxy(world.plane, world.token);
    const { reached, release } = holdHandOvers();
    const running = await world.startOperator({ access: proxy.access });
    operator = running;
    await reached;
    // Reconciled more than once by now, each time without success.
    await reconciled(running, 'pullsecret', 2);
    release();
    await assertConverted(owned);
    const { items } = await world.api.must('GET', '/apis/events.k8s.io/v1/namespaces/default/events');
    const reasons = items
      .filter(({ regarding }: { regarding: { name: string } }) => regarding.name === owned.name)
      .map(({ reason }: { reason: string }) => reason);
    assert.ok(!reasons.includes('SecretConflict'));
  });

  test('that a deletion by the user overtakes leaves the successor, with secrets of its own', async () => {
    const owned = await createOwned();
    proxy = await startFaultProxy(world.plane, world.token);
    const { reached, release } = holdHandOvers();
    operator = await world.startOperator({ access: proxy.access });
    await reached;
    await world.api.must('DELETE', LEGACY_PATH(owned.name));
    for (const namespace of owned.namespaces) {
      await eventually(async () => {
        const { status, body } = await world.api.get(SECRET_PATH(namespace, owned.name));
        return status === 404 || body.metadata.uid !== owned.secrets.get(namespace) ? true : undefined;
      }, 60_000);
    }
    release();
    const status = await world.ready(CLUSTER_PATH(owned.name), 60_000);
    assert.equal(status.secrets?.ready, 2);
  });

  test('does not begin for an object that is being deleted', async () => {
    const deleted = await createLegacy(['default'], {}, { finalizers: ['example.com/keep'] });
    await world.api.must('DELETE', LEGACY_PATH(deleted.metadata.name));
    const witness = await createOwned(1);
    operator = await world.startOperator();
    await assertConverted(witness);
    assert.equal((await world.api.get(CLUSTER_PATH(deleted.metadata.name))).status, 404);
    assert.equal((await world.api.get(LEGACY_PATH(deleted.metadata.name))).status, 200);
  });

  test('changes nothing while an object of the name has a different spec, says so once, and goes on when a user corrects it', async () => {
    const owned = await createOwned();
    const other = { awsAccess: ACCESS, secretName: owned.name, namespaces: owned.namespaces };
    const made = await createClusterPullSecret(world.api, owned.name, other);
    operator = await world.startOperator();
    const { message, status } = await refused(owned.name, 'ConversionConflict');
    assert.equal(status, 'False');
    assert.match(message, /with a different spec; nothing is changed/);
    const problems = await world.status(CLUSTER_PATH(owned.name), (found) => found.problems?.count === 2);
    assert.equal(problems.problems?.items[0]?.reason, 'SecretConflict');
    assert.deepEqual((await world.api.must('GET', CLUSTER_PATH(owned.name))).spec, made.spec);
    await operator.stop();
    operator = await world.startOperator();
    await world.status(CLUSTER_PATH(owned.name), (found) => found.problems?.count === 2);
    const { metadata } = await world.api.must('GET', LEGACY_PATH(owned.name));
    await world.api.merge(CLUSTER_PATH(owned.name), {
      metadata: { annotations: { 'aws.zakariaamine.com/converted-from': `${LEGACY_KIND}/${owned.uid}` } },
      spec: owned.spec,
    });
    assert.equal(metadata.uid, owned.uid);
    await assertConverted(owned);
  });

  test('refuses an object without the pair of keys, and none of the others waits for it', async () => {
    const namespace = await world.api.createNamespace();
    const { metadata } = await createLegacy([namespace], {
      awsAccess: { region: 'eu-west-1', accessKeyId: '', secretAccessKey: '' },
    });
    const owned = await createOwned();
    operator = await world.startOperator();
    const { status, message } = await refused(metadata.name, 'InvalidSpec');
    assert.deepEqual({ status, message }, { status: 'False', message: 'spec.awsAccess.accessKeyId is empty' });
    await assertConverted(owned);
    assert.equal((await world.api.get(CLUSTER_PATH(metadata.name))).status, 404);
    const before = await world.api.must('GET', LEGACY_PATH(metadata.name));
    await operator.stop();
    const again = await world.startOperator();
    operator = again;
    // A change before the first look would be seen by that one.
    await reconciled(again, 'conversion', 1);
    await world.api.merge(LEGACY_PATH(metadata.name), { metadata: { labels: { touched: 'yes' } } });
    await reconciled(again, 'conversion', 2);
    const after = await world.api.must('GET', LEGACY_PATH(metadata.name));
    assert.deepEqual(after.status, before.status);
  });
});

/** Resolves when this controller has reconciled so many keys. */
async function reconciled({ metric }: RunningOperator, controller: string, count: number): Promise<void> {
  await eventually(async () =>
    (await metric('controller_runtime_reconcile_total', { controller })) >= count ? true : undefined,
  );
}

const MERGE = 'application/merge-patch+json';
const UNHINDERED = { metadata: { finalizers: null } };
