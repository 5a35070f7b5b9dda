// docs/backup.md, step by step: what a backup tool brings back, before and after the objects, the webhook and the
// operator, and what becomes of it.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { API_VERSION, CLUSTER_KIND, NAMESPACED_KIND, OWNER_UID_LABEL } from '../../src/api/names.ts';
import { type ApiReply, eventually } from '../../testing/api-server/test-api.ts';
import {
  CLUSTER_PATH,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
  type World,
} from '../../testing/operator/world.ts';
import { backedUpSecret, expiredConfig, GONE_UID, HOST } from './backed-up-secret.ts';
import { ACCESS, createClusterPullSecret, createPullSecret, passwordOf } from './manifests.ts';
import { startWebhook } from './webhook-rig.ts';

const EXPIRED = expiredConfig(HOST);

// oxlint-disable-next-line typescript/no-explicit-any -- whatever the API server answered
type Backup = any;

/**
 * What Velero creates: name, labels with two of its own, annotations and the rest of the object; no owner references,
 * no uid, no status.
 */
function restored({ metadata: { name, labels, annotations }, ...rest }: Backup): object {
  const marks = { 'velero.io/backup-name': 'daily', 'velero.io/restore-name': 'daily-1' };
  return { ...rest, metadata: { name, labels: { ...labels, ...marks }, annotations } };
}

const objectIn = (spec: object = {}): object => ({
  apiVersion: API_VERSION,
  kind: NAMESPACED_KIND,
  metadata: { name: 'login' },
  spec: { awsAccess: ACCESS, secretName: 'ecr-login', ...spec },
});

/** The Secret, which an object owns: with a new token, its uid as before and the tool's labels still there. */
async function assertTaken({ api }: World, before: Backup, owner: Backup): Promise<void> {
  const { namespace, uid, name } = before.metadata;
  const after = await api.must('GET', SECRET_PATH(namespace, name));
  assert.equal(after.metadata.uid, uid, 'in place');
  assert.notEqual(passwordOf(after), 'expired');
  assert.equal(after.metadata.labels[OWNER_UID_LABEL], owner.metadata.uid);
  assert.equal(after.metadata.labels['velero.io/restore-name'], 'daily-1');
  const owners = after.metadata.ownerReferences.map((one: Backup) => [one.uid, one.controller]);
  assert.deepEqual(owners, [[owner.metadata.uid, true]]);
}

// Rule 1
describe('a restored pull secret', () => {
  const world = useWorld();
  let operator: RunningOperator;
  let namespace = '';
  let path = '';

  before(async () => {
    operator = await world.startOperator();
  });
  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
  });
  const restore = async (backup: Backup, into = namespace): Promise<Backup> =>
    await world.api.must('POST', SECRET_PATH(into), restored(backup));
  const problem = async (at = path): Promise<string> => {
    const { problems } = await world.status(at, (found) => found.problems?.items[0]?.reason === 'SecretConflict');
    return problems?.items[0]?.message ?? '';
  };

  test('is taken over in place by the object that is restored after it, with a fresh token', async () => {
    const secret = await restore(backedUpSecret());
    const object = await world.api.must('POST', NAMESPACED_PATH(namespace), objectIn());
    await world.ready(path);
    await assertTaken(world, secret, object);
  });

  test('is taken over in all namespaces of a cluster object that finds them by a selector', async () => {
    const labels = { [`team-${namespace}`]: 'a' };
    const selected = await Promise.all([1, 2, 3].map(() => world.api.createNamespace(labels)));
    const secrets = await Promise.all(selected.map((place) => restore(backedUpSecret(), place)));
    const object = await createClusterPullSecret(world.api, `c-${namespace}`, {
      namespaceSelector: { matchLabels: labels },
    });
    await world.status(CLUSTER_PATH(`c-${namespace}`), ({ secrets }) => secrets?.ready === 3);
    for (const secret of secrets) await assertTaken(world, secret, object);
  });

  test('comes too late when the object was restored before it: the tool skips what exists', async () => {
    await world.api.must('POST', NAMESPACED_PATH(namespace), objectIn());
    await world.ready(path);
    const { status } = await world.api.send('POST', SECRET_PATH(namespace), restored(backedUpSecret()));
    assert.equal(status, 409);
    await world.ready(path);
  });

  test('that is made to overwrite the one that exists is repaired at once', async () => {
    const object = await world.api.must('POST', NAMESPACED_PATH(namespace), objectIn());
    await world.ready(path);
    const at = SECRET_PATH(namespace, 'ecr-login');
    const { metadata } = await world.api.must('GET', at);
    // Velero with `existingResourcePolicy: update` patches; the owner reference of the one in the cluster goes.
    const { labels, annotations } = (restored(backedUpSecret()) as Backup).metadata;
    const body = { metadata: { labels, annotations, ownerReferences: null }, data: { '.dockerconfigjson': EXPIRED } };
    await world.api.merge(at, body);
    await eventually(async () => (passwordOf(await world.api.must('GET', at)) === 'expired' ? undefined : true));
    await assertTaken(world, { metadata }, object);
  });

  test('under another namespace name is taken over there, while the original lives on', async () => {
    const original = await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    const backup = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    const copy = await world.api.createNamespace();
    const secret = await restore(backup, copy);
    const object = await world.api.must('POST', NAMESPACED_PATH(copy), objectIn());
    await world.ready(NAMESPACED_PATH(copy, 'login'));
    await assertTaken(world, secret, object);
    const untouched = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(untouched.metadata.ownerReferences[0].uid, original.metadata.uid);
  });

  test('copied by hand with its owner reference is deleted by the garbage collector, and made anew', async () => {
    const reference = {
      apiVersion: API_VERSION,
      kind: NAMESPACED_KIND,
      name: 'login',
      uid: GONE_UID,
      controller: true,
    };
    const copy = backedUpSecret();
    const metadata = { ...copy.metadata, ownerReferences: [reference] };
    const before = await world.api.must('POST', SECRET_PATH(namespace), { ...copy, metadata });
    const object = await world.api.must('POST', NAMESPACED_PATH(namespace), objectIn());
    await world.ready(path, 60_000);
    const after = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    assert.notEqual(after.metadata.uid, before.metadata.uid);
    assert.equal(after.metadata.ownerReferences[0].uid, object.metadata.uid);
  });

  test('that opens more than the object would is left alone, until the rest is taken out', async () => {
    await restore(backedUpSecret({ data: { '.dockerconfigjson': expiredConfig(HOST, 'registry.example.com') } }));
    await world.api.must('POST', NAMESPACED_PATH(namespace), objectIn());
    const message = await problem();
    assert.match(message, /has lost its owner, but opens hosts that this object would not, or is no docker config;/);
    assert.doesNotMatch(message, /registry\.example/);
    await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), { data: { '.dockerconfigjson': EXPIRED } });
    await world.ready(path);
  });

  test('that is immutable is left alone, and the status says why', async () => {
    const secret = await restore(backedUpSecret({ immutable: true }));
    await world.api.must('POST', NAMESPACED_PATH(namespace), objectIn());
    assert.match(await problem(), /has lost its owner, but is immutable; it is left alone/);
    const { metadata } = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(metadata.resourceVersion, secret.metadata.resourceVersion);
  });

  test('that no object wants stays as it is', async () => {
    const secret = await restore(backedUpSecret());
    await createPullSecret(world.api, namespace, 'login', { secretName: 'another' });
    await world.ready(path);
    await operator.idle();
    assert.deepEqual(await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login')), secret);
  });

  test('of an object that exists is not deleted where that one wants none, and is not given to another one', async () => {
    const elsewhere = await world.api.createNamespace();
    const owner = await createClusterPullSecret(world.api, `c-${namespace}`, { namespaces: [elsewhere] });
    // To an operator that has not seen it yet the label would be of an object that is gone.
    await world.ready(CLUSTER_PATH(`c-${namespace}`));
    const secret = await restore(backedUpSecret({}, { [OWNER_UID_LABEL]: owner.metadata.uid }));
    await world.api.must('POST', NAMESPACED_PATH(namespace), objectIn());
    assert.match(await problem(), /is of another object by its label: .*: kubectl annotate secret …/);
    await operator.idle();
    assert.deepEqual(await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login')), secret);
    await world.api.must('DELETE', CLUSTER_PATH(`c-${namespace}`));
    await world.ready(path);
  });

  // Rule 3
  test('that two objects want goes to the older one', async () => {
    const waiting = { awsAccess: { region: 'eu-west-1', secretRef: { name: 'keys-later' } } };
    const older = await createPullSecret(world.api, namespace, 'login', waiting);
    await world.status(path, ({ conditions }) => conditions !== undefined);
    await eventually(() => (Date.now() - Date.parse(older.metadata.creationTimestamp) > 1_000 ? true : undefined));
    const secret = await restore(backedUpSecret());
    await createPullSecret(world.api, namespace, 'second');
    assert.match(
      await problem(NAMESPACED_PATH(namespace, 'second')),
      /the older AWSECRImagePullSecret login wants the same/,
    );
    await world.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name: 'keys-later', labels: { 'aws.zakariaamine.com/credentials': 'true' } },
      stringData: { AWS_ACCESS_KEY_ID: GOOD_KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: GOOD_KEY.secretAccessKey },
    });
    await world.ready(path);
    await assertTaken(world, secret, older);
  });

  // Rule 2
  test('whose owner reference was taken off by hand is taken back by its object, without a call of AWS', async () => {
    const object = await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    const at = SECRET_PATH(namespace, 'ecr-login');
    const before = await world.api.must('GET', at);
    const calls = world.aws.calls();
    await world.api.merge(at, { metadata: { ownerReferences: null } });
    const after = await eventually(async () => {
      const { body } = await world.api.get(at);
      return body.metadata.ownerReferences ? body : undefined;
    });
    assert.deepEqual([after.metadata.uid, after.data], [before.metadata.uid, before.data]);
    assert.equal(after.metadata.ownerReferences[0].uid, object.metadata.uid);
    assert.equal(world.aws.calls(), calls);
  });

  // Rule 2
  test('that an object left behind with --cascade=orphan is taken over by the next one', async () => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    const before = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    await world.api.must('DELETE', path, { propagationPolicy: 'Orphan' });
    await eventually(async () => ((await world.api.get(path)).status === 404 ? true : undefined), 60_000);
    const cluster = `c-${namespace}`;
    const next = await createClusterPullSecret(world.api, cluster, { namespaces: [namespace] });
    await world.ready(CLUSTER_PATH(cluster));
    const after = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(after.metadata.uid, before.metadata.uid);
    assert.equal(after.metadata.ownerReferences[0].uid, next.metadata.uid);
  });
});

// Rules 1, 18
describe('a restore while the webhook looks at new objects', () => {
  const world = useWorld();
  test('is let in with its secret in place, and refused when the secret is of an object that exists', async () => {
    const namespace = await world.api.createNamespace();
    const webhook = await startWebhook(world, namespace);
    const create = (kind: string, spec: object): Promise<ApiReply> =>
      world.api.send('POST', kind === CLUSTER_KIND ? CLUSTER_PATH() : NAMESPACED_PATH(namespace), {
        ...objectIn(spec),
        kind,
      });
    const secret = await world.api.must('POST', SECRET_PATH(namespace), restored(backedUpSecret()));
    const { status, body } = await create(NAMESPACED_KIND, {});
    assert.equal(status, 201, JSON.stringify(body));
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await assertTaken(world, secret, body);
    const copy = backedUpSecret({}, { [OWNER_UID_LABEL]: body.metadata.uid });
    copy.metadata.name = 'copy';
    await world.api.must('POST', SECRET_PATH(namespace), restored(copy));
    const refused = await create(CLUSTER_KIND, { secretName: 'copy', namespaces: [namespace] });
    assert.equal(refused.status, 403);
    assert.match(refused.body.message, /secret copy already exists in namespace/);
    await webhook.end();
  });
});

// Rule 1
describe('a cluster that is restored before the operator is installed', () => {
  const world = useWorld();
  test('has every restored secret taken over by the first start', async () => {
    const namespace = await world.api.createNamespace();
    const other = await world.api.createNamespace();
    const secrets = [];
    for (const place of [namespace, other])
      secrets.push(await world.api.must('POST', SECRET_PATH(place), restored(backedUpSecret())));
    const own = await world.api.must('POST', NAMESPACED_PATH(namespace), objectIn());
    const cluster = await createClusterPullSecret(world.api, `c-${other}`, { namespaces: [other] });
    await world.startOperator();
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await world.ready(CLUSTER_PATH(`c-${other}`));
    await assertTaken(world, secrets[0], own);
    await assertTaken(world, secrets[1], cluster);
  });
});
