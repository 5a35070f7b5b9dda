// Objects that ask for ServiceAccounts: their pull Secrets stand in imagePullSecrets, and nothing else is touched.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { ATTACHED_ANNOTATION } from '../../src/api/names.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from './manifests.ts';

const ACCOUNTS = (namespace: string, name = ''): string =>
  `/api/v1/namespaces/${namespace}/serviceaccounts${name && `/${name}`}`;
const DEFAULT = { serviceAccounts: { names: ['default'] } };
/** The garbage collector learns of new kinds every half minute. */
const COLLECTED = 90_000;

// Rule 22
describe('an object that asks for ServiceAccounts', () => {
  const world = useWorld();
  let operator: RunningOperator;
  before(async () => {
    operator = await world.startOperator({ attaches: true });
  });

  const account = (namespace: string, name = 'default') => world.api.must('GET', ACCOUNTS(namespace, name));
  const entriesOf = async (namespace: string, name?: string): Promise<readonly string[]> =>
    ((await account(namespace, name)).imagePullSecrets ?? []).map((entry: { readonly name: string }) => entry.name);
  /** Waits for a list of names, and returns what the annotation lists. */
  const become = async (
    namespace: string,
    name: string,
    wanted: readonly string[],
    within?: number,
  ): Promise<object | undefined> => {
    let last: readonly string[] = [];
    await eventually(async () => {
      last = await entriesOf(namespace, name);
      return last.join() === wanted.join() ? true : undefined;
    }, within).catch((cause) => {
      throw new Error(`${name} names ${last.join() || 'nothing'}, not ${wanted.join()}`, { cause });
    });
    const listing = (await account(namespace, name)).metadata.annotations?.[ATTACHED_ANNOTATION];
    return listing === undefined ? undefined : JSON.parse(listing);
  };
  /** A namespace with its default account, by Kubernetes. */
  const createNamespace = async (labels?: Readonly<Record<string, string>>): Promise<string> => {
    const namespace = await world.api.createNamespace(labels);
    await eventually(async () =>
      (await world.api.get(ACCOUNTS(namespace, 'default'))).status === 200 ? true : undefined,
    );
    return namespace;
  };
  const attached = (path: string, status: string, reason: string) =>
    world.status(path, (found) => {
      const condition = conditionOf(found, 'Attached');
      return condition?.status === status && condition.reason === reason;
    });

  test('has its Secret added to the account, and says so; other entries, annotations and labels stay', async () => {
    const namespace = await createNamespace();
    const path = ACCOUNTS(namespace, 'default');
    await world.api.merge(path, {
      metadata: { labels: { team: 'a' }, annotations: { note: 'mine' } },
      imagePullSecrets: [{ name: 'mirror' }],
      automountServiceAccountToken: false,
    });
    const { metadata } = await createPullSecret(world.api, namespace, 'one', DEFAULT);
    assert.deepEqual(await become(namespace, 'default', ['mirror', 'ecr-login']), { 'ecr-login': metadata.uid });
    const after = await account(namespace);
    assert.deepEqual(
      [after.metadata.labels, after.metadata.annotations.note, after.automountServiceAccountToken],
      [{ team: 'a' }, 'mine', false],
    );
    const status = await attached(NAMESPACED_PATH(namespace, 'one'), 'True', 'Attached');
    assert.equal(conditionOf(status, 'Attached')?.message, '1 of 1 ServiceAccounts name the secret ecr-login');
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
  });

  test('has its Secret added to accounts that are created or labelled later', async () => {
    const namespace = await createNamespace();
    const selector = { matchLabels: { pulls: 'yes' } };
    await createPullSecret(world.api, namespace, 'one', { serviceAccounts: { selector } });
    await attached(NAMESPACED_PATH(namespace, 'one'), 'False', 'NoServiceAccounts');
    await world.api.must('POST', ACCOUNTS(namespace), { metadata: { name: 'later', labels: { pulls: 'yes' } } });
    await become(namespace, 'later', ['ecr-login']);
    await world.api.merge(ACCOUNTS(namespace, 'default'), { metadata: { labels: { pulls: 'yes' } } });
    await become(namespace, 'default', ['ecr-login']);
    await world.api.merge(ACCOUNTS(namespace, 'default'), { metadata: { labels: { pulls: null } } });
    assert.equal(await become(namespace, 'default', []), undefined);
    await attached(NAMESPACED_PATH(namespace, 'one'), 'True', 'Attached');
  });

  test('says which accounts are not there yet', async () => {
    const namespace = await createNamespace();
    await createPullSecret(world.api, namespace, 'one', { serviceAccounts: { names: ['builder', 'default'] } });
    const status = await attached(NAMESPACED_PATH(namespace, 'one'), 'True', 'Attached');
    assert.match(conditionOf(status, 'Attached')?.message ?? '', new RegExp(`not there yet: ${namespace}/builder$`));
  });

  test('takes its entry away when it no longer asks, and leaves one that a user had made', async () => {
    const namespace = await createNamespace();
    await world.api.must('POST', ACCOUNTS(namespace), {
      metadata: { name: 'mine' },
      imagePullSecrets: [{ name: 'ecr-login' }],
    });
    await createPullSecret(world.api, namespace, 'one', { serviceAccounts: { selector: {} } });
    await become(namespace, 'default', ['ecr-login']);
    await attached(NAMESPACED_PATH(namespace, 'one'), 'True', 'Attached');
    await world.api.merge(NAMESPACED_PATH(namespace, 'one'), { spec: { serviceAccounts: null } });
    assert.equal(await become(namespace, 'default', []), undefined);
    assert.deepEqual(await entriesOf(namespace, 'mine'), ['ecr-login']);
    const status = await world.status(NAMESPACED_PATH(namespace, 'one'), (found) => !conditionOf(found, 'Attached'));
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
  });

  test('of the cluster kind serves the namespaces that it selects, as they come and go', async () => {
    const label = { attaches: 'cluster' };
    const [one, other] = [await createNamespace(label), await createNamespace()];
    const name = `attaches-${one}`;
    await createClusterPullSecret(world.api, name, { namespaceSelector: { matchLabels: label }, ...DEFAULT });
    await become(one, 'default', ['ecr-login']);
    assert.deepEqual(await entriesOf(other), []);
    await world.api.merge(`/api/v1/namespaces/${other}`, { metadata: { labels: label } });
    await become(other, 'default', ['ecr-login']);
    await world.api.merge(`/api/v1/namespaces/${one}`, { metadata: { labels: { attaches: null } } });
    await become(one, 'default', []);
    await attached(CLUSTER_PATH(name), 'True', 'Attached');
    await world.api.must('DELETE', CLUSTER_PATH(name));
  });

  test('is deleted: its entry goes with its Secret', async () => {
    const namespace = await createNamespace();
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    await become(namespace, 'default', ['ecr-login']);
    await world.api.must('DELETE', NAMESPACED_PATH(namespace, 'one'));
    assert.equal(await become(namespace, 'default', [], COLLECTED), undefined);
  });

  test('is deleted while the operator is away: its entry goes when the operator is back', async () => {
    const [gone, changed] = [await createNamespace(), await createNamespace()];
    for (const namespace of [gone, changed]) {
      await createPullSecret(world.api, namespace, 'one', DEFAULT);
      await become(namespace, 'default', ['ecr-login']);
    }
    await operator.stop();
    await world.api.must('DELETE', NAMESPACED_PATH(gone, 'one'));
    await world.api.merge(NAMESPACED_PATH(changed, 'one'), { spec: { serviceAccounts: { names: ['other'] } } });
    await eventually(
      async () => ((await world.api.get(SECRET_PATH(gone, 'ecr-login'))).status === 404 ? true : undefined),
      COLLECTED,
    );
    operator = await world.startOperator({ attaches: true });
    assert.equal(await become(gone, 'default', []), undefined);
    assert.equal(await become(changed, 'default', []), undefined);
  });

  test('loses no entry of writers who change the account at the same time', async () => {
    const namespace = await createNamespace();
    const path = ACCOUNTS(namespace, 'default');
    const names = Array.from({ length: 20 }, (_, index) => `theirs-${index}`);
    const write = async (name: string): Promise<true> =>
      await eventually(async () => {
        const { metadata, imagePullSecrets = [] } = await world.api.must('GET', path);
        const { resourceVersion } = metadata;
        const body = { metadata: { resourceVersion }, imagePullSecrets: [...imagePullSecrets, { name }] };
        const { status } = await world.api.send('PATCH', path, body, 'application/merge-patch+json');
        return status === 200 ? true : undefined;
      });
    const theirs = (async () => {
      for (const name of names) await write(name);
    })();
    for (const [index, wanted] of [DEFAULT, {}, DEFAULT].entries()) {
      const secretName = `ours-${index}`;
      await createPullSecret(world.api, namespace, secretName, { secretName, ...wanted });
    }
    await theirs;
    const wanted = [...names, 'ours-0', 'ours-2'].sort().join();
    await eventually(async () => ([...(await entriesOf(namespace))].sort().join() === wanted ? true : undefined));
  });

  test('whose account is deleted and made anew has its Secret added again', async () => {
    const namespace = await createNamespace();
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    await become(namespace, 'default', ['ecr-login']);
    const { metadata } = await account(namespace);
    await world.api.must('DELETE', ACCOUNTS(namespace, 'default'));
    await eventually(async () => ((await account(namespace)).metadata.uid === metadata.uid ? undefined : true));
    await become(namespace, 'default', ['ecr-login']);
  });

  test('takes nothing away because of what somebody writes into the annotation', async () => {
    const namespace = await createNamespace();
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    await become(namespace, 'default', ['ecr-login']);
    for (const listing of ['no JSON', '[]', '{"ecr-login": 1}', '{"ecr-login":"of-somebody-else"}', '']) {
      await world.api.merge(ACCOUNTS(namespace, 'default'), {
        metadata: { annotations: { [ATTACHED_ANNOTATION]: listing } },
      });
      await operator.idle();
      assert.deepEqual(await entriesOf(namespace), ['ecr-login'], listing);
    }
  });

  test('leaves an account alone whose list is too long, and says so', async () => {
    const namespace = await createNamespace();
    const imagePullSecrets = Array.from({ length: 100 }, (_, index) => ({ name: `many-${index}` }));
    await world.api.merge(ACCOUNTS(namespace, 'default'), { imagePullSecrets });
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    const status = await attached(NAMESPACED_PATH(namespace, 'one'), 'False', 'AttachmentFailed');
    assert.match(conditionOf(status, 'Attached')?.message ?? '', /default: it names more than 64 Secrets/);
    assert.deepEqual((await account(namespace)).imagePullSecrets, imagePullSecrets);
  });

  test('against another writer who takes the entry away: the operator gives up ever longer, and says so', async () => {
    const namespace = await createNamespace();
    const path = ACCOUNTS(namespace, 'default');
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    for (let round = 0; round < 7; round += 1) {
      await become(namespace, 'default', ['ecr-login']);
      await world.api.merge(path, { imagePullSecrets: null });
    }
    const status = await attached(NAMESPACED_PATH(namespace, 'one'), 'False', 'AttachmentFailed');
    assert.match(conditionOf(status, 'Attached')?.message ?? '', /another writer undoes the change/);
    await attached(NAMESPACED_PATH(namespace, 'one'), 'True', 'Attached');
  });

  test('is one of ten that want the same account: none waits for another, and nobody is called a spoiler', async () => {
    const namespace = await createNamespace();
    const names = Array.from({ length: 10 }, (_, index) => `secret-${index}`);
    for (const secretName of names) {
      await createPullSecret(world.api, namespace, secretName, { secretName, ...DEFAULT });
      await eventually(async () => ((await entriesOf(namespace)).includes(secretName) ? true : undefined), 900);
    }
    assert.ok(
      !operator
        .output()
        .split('\n')
        .some((line) => line.includes(namespace) && line.includes('undoes')),
    );
    for (const secretName of names) await world.api.must('DELETE', NAMESPACED_PATH(namespace, secretName));
  });

  test('gives way to a writer who undoes only the annotation', async () => {
    const namespace = await createNamespace();
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    await become(namespace, 'default', ['ecr-login']);
    const foreign = JSON.stringify({ 'ecr-login': 'of-another-cluster' });
    const annotations = { [ATTACHED_ANNOTATION]: foreign };
    const ends = Date.now() + 4_000;
    let writes = 0;
    while (Date.now() < ends) {
      const { metadata } = await account(namespace);
      if (metadata.annotations?.[ATTACHED_ANNOTATION] === foreign) continue;
      await world.api.merge(ACCOUNTS(namespace, 'default'), { metadata: { annotations } });
      writes += 1;
    }
    assert.ok(writes >= 5 && writes <= 12, `${writes}`);
    await attached(NAMESPACED_PATH(namespace, 'one'), 'False', 'AttachmentFailed');
    await world.api.must('DELETE', NAMESPACED_PATH(namespace, 'one'));
  });

  test('keeps its entry while its Secret has lost its owner, and when another object takes the Secret over', async () => {
    const namespace = await createNamespace();
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    await become(namespace, 'default', ['ecr-login']);
    const versions: string[] = [];
    const looking = setInterval(() => void entriesOf(namespace).then((names) => versions.push(names.join())), 5);
    await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), { metadata: { ownerReferences: null } });
    await operator.idle();
    const { metadata } = await createPullSecret(world.api, namespace, 'two', DEFAULT);
    await world.api.must('DELETE', NAMESPACED_PATH(namespace, 'one'), { propagationPolicy: 'Orphan' });
    await eventually(async () => {
      const listing = (await account(namespace)).metadata.annotations?.[ATTACHED_ANNOTATION];
      return listing?.includes(metadata.uid) ? true : undefined;
    }, COLLECTED).finally(() => clearInterval(looking));
    assert.deepEqual([...new Set(versions)], ['ecr-login']);
  });

  test('is told that there is no room in an account, and that labels are too many to decide', async () => {
    const namespace = await createNamespace();
    const imagePullSecrets = Array.from({ length: 64 }, (_, index) => ({ name: `many-${index}` }));
    await world.api.merge(ACCOUNTS(namespace, 'default'), { imagePullSecrets });
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    const status = await attached(NAMESPACED_PATH(namespace, 'one'), 'False', 'AttachmentFailed');
    assert.match(conditionOf(status, 'Attached')?.message ?? '', /default: it names 64 Secrets already/);
    const labels = Object.fromEntries(Array.from({ length: 105 }, (_, index) => [`a-${index}`, 'x']));
    await world.api.merge(ACCOUNTS(namespace, 'default'), { metadata: { labels: { ...labels, zz: 'x' } } });
    await world.api.merge(NAMESPACED_PATH(namespace, 'one'), {
      spec: { serviceAccounts: { names: null, selector: { matchLabels: { zz: 'x' } } } },
    });
    await world.status(NAMESPACED_PATH(namespace, 'one'), (found) => {
      const { reason, message = '' } = conditionOf(found, 'Attached') ?? {};
      return reason === 'NoServiceAccounts' && /so many labels .*\/default$/.test(message);
    });
  });

  test('keeps its entry when its namespace has no room for the whole of it any longer', async () => {
    const namespace = await createNamespace();
    await createPullSecret(world.api, namespace, 'one', { secretName: 'one', ...DEFAULT });
    await createPullSecret(world.api, namespace, 'two', { secretName: 'two', ...DEFAULT });
    await eventually(async () => ((await entriesOf(namespace)).length === 2 ? true : undefined));
    await operator.stop();
    operator = await world.startOperator({ attaches: true, objectsPerNamespace: 1 });
    const annotations = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`a-${index}`, 'x'.repeat(1_000)]));
    await world.api.merge(NAMESPACED_PATH(namespace, 'two'), { spec: { secretTemplate: { annotations } } });
    await eventually(async () => {
      const { metadata } = await world.api.must('GET', SECRET_PATH(namespace, 'two'));
      return Object.keys(metadata.annotations).length > 20 ? true : undefined;
    });
    await operator.idle();
    assert.deepEqual([...(await entriesOf(namespace))].sort(), ['one', 'two']);
    await operator.stop();
    operator = await world.startOperator({ attaches: true });
  });

  test('never names a Secret that is somebody else’s', async () => {
    const namespace = await createNamespace();
    await world.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name: 'ecr-login' },
      type: 'kubernetes.io/dockerconfigjson',
      stringData: { '.dockerconfigjson': '{"auths":{}}' },
    });
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    await world.status(NAMESPACED_PATH(namespace, 'one'), (found) => conditionOf(found, 'Ready')?.status === 'False');
    await operator.idle();
    assert.deepEqual(await entriesOf(namespace), []);
    // No Secret holds its login: it would cost a call after each start.
    await world.api.must('DELETE', NAMESPACED_PATH(namespace, 'one'));
  });

  test('costs no request that changes anything when nothing changes', async () => {
    const namespace = await createNamespace();
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    await attached(NAMESPACED_PATH(namespace, 'one'), 'True', 'Attached');
    await operator.stop();
    operator = await world.startOperator({ attaches: true });
    await operator.idle();
    assert.equal(await operator.mutations(), 0);
  });
});

describe('an object that asks for ServiceAccounts of an operator that changes none', () => {
  const world = useWorld();

  test('is Ready, and says what to switch on', async () => {
    await world.startOperator();
    const namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'one', DEFAULT);
    const status = await world.ready(NAMESPACED_PATH(namespace, 'one'));
    const { reason, message } = conditionOf(status, 'Attached') ?? {};
    assert.equal(reason, 'AttachmentDisabled');
    assert.match(message ?? '', /serviceAccountAttachment\.enabled/);
  });
});
