// The policies of the chart let the operator do what it does, and nothing else.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { API_VERSION, LEGACY_API_VERSION } from '../../src/api/names.ts';
import { eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, POLICY_REFUSAL } from '../../testing/operator/operator-account.ts';
import { CONFIGURATION_PATH } from '../../testing/operator/webhook-configuration.ts';
import { CLUSTER_PATH, LEGACY_PATH, NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { ACCESS } from '../scenario/manifests.ts';
import { configure, removeWebhook } from '../scenario/webhook-rig.ts';

const AUTHORITY_NAME = 'kube-ecr-secrets-operator-webhook';
const AUTHORITY_PATH = SECRET_PATH(OPERATOR_NAMESPACE, AUTHORITY_NAME);
const DOCKER_CONFIG = Buffer.from('{"auths":{}}').toString('base64');

// Rule 19
describe('the policies of the chart', () => {
  const world = useWorld();
  let namespace = '';
  let operator: TestApi;
  before(async () => {
    namespace = await world.api.createNamespace();
    operator = world.api.as(world.token);
  });

  const label = { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' };
  const pullSecret = (name: string, metadata: object = { labels: label }): object => ({
    metadata: { name, ...metadata },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': DOCKER_CONFIG },
  });
  const ownedBy = (kind: string, apiVersion: string, uid: string): object => ({
    ownerReferences: [{ apiVersion, kind, name: namespace, uid }],
  });
  const tokenPath = (where = namespace, name = 'default'): string =>
    `/api/v1/namespaces/${where}/serviceaccounts/${name}/token`;
  const FOR_AWS = { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 };
  const tokenRequest = (spec: object): object => ({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec,
  });
  const MERGE = 'application/merge-patch+json';

  test('let the operator create, change and delete pull secrets of its own', async () => {
    await operator.must('POST', SECRET_PATH(namespace), pullSecret('own'));
    await operator.must('PATCH', SECRET_PATH(namespace, 'own'), { metadata: { annotations: { a: 'b' } } }, MERGE);
    await operator.must('DELETE', SECRET_PATH(namespace, 'own'));
  });

  test('let it take over what the Go project made, of each of its kinds', async (t) => {
    for (const [kind, apiVersion, path] of [
      ['AWSECRImagePullSecret', API_VERSION, NAMESPACED_PATH(namespace)],
      ['ClusterAWSECRImagePullSecret', API_VERSION, CLUSTER_PATH()],
      ['AWSECRCredential', LEGACY_API_VERSION, LEGACY_PATH()],
    ] as const) {
      const name = kind.toLowerCase();
      const spec = {
        awsAccess: ACCESS,
        secretName: 'a',
        ...(path === NAMESPACED_PATH(namespace) ? {} : { namespaces: [namespace] }),
      };
      const { metadata } = await world.api.must('POST', path, {
        apiVersion,
        kind,
        metadata: { name: namespace },
        spec,
      });
      t.after(() => world.api.send('DELETE', `${path}/${namespace}`));
      await world.api.must('POST', SECRET_PATH(namespace), pullSecret(name, ownedBy(kind, apiVersion, metadata.uid)));
      const dryRun = `${SECRET_PATH(namespace, name)}?dryRun=All`;
      await operator.must('PATCH', dryRun, { metadata: { labels: label } }, MERGE);
      const { status, body } = await operator.send('DELETE', dryRun);
      assert.equal(status, 403, `${kind}: deleted before it was taken over`);
      assert.ok(body.message.includes(POLICY_REFUSAL), body.message);
    }
  });

  const createAuthority = async (over: object = {}): Promise<void> =>
    void (await world.api.must('POST', SECRET_PATH(OPERATOR_NAMESPACE), { ...authority(AUTHORITY_NAME), ...over }));
  const made = async (name: string, secret: object): Promise<string> => {
    await world.api.must('POST', SECRET_PATH(namespace), secret);
    return SECRET_PATH(namespace, name);
  };
  const authority = (name: string): object => ({
    metadata: { name },
    type: 'aws.zakariaamine.com/webhook-authority',
    data: { 'tls.crt': 'eA==' },
  });
  const REFUSED: Readonly<Record<string, () => Promise<readonly [method: string, path: string, body?: object]>>> = {
    'the creation of a secret of another type': async () => [
      'POST',
      SECRET_PATH(namespace),
      { metadata: { name: 'opaque', labels: label }, stringData: { a: 'b' } },
    ],
    'the creation of a token of a ServiceAccount as a secret': async () => [
      'POST',
      SECRET_PATH(namespace),
      {
        metadata: { name: 'token', labels: label, annotations: { 'kubernetes.io/service-account.name': 'default' } },
        type: 'kubernetes.io/service-account-token',
      },
    ],
    'the creation of a pull secret without our label': async () => [
      'POST',
      SECRET_PATH(namespace),
      pullSecret('unlabelled', {}),
    ],
    'an empty patch of a foreign secret, which reads it': async () => [
      'PATCH',
      await made('foreign', { metadata: { name: 'foreign' }, stringData: { a: 'b' } }),
      {},
    ],
    'our label on a foreign pull secret': async () => [
      'PATCH',
      await made('somebodys', pullSecret('somebodys', {})),
      { metadata: { labels: label } },
    ],
    'our label on a pull secret that another group owns': async () => [
      'PATCH',
      await made('owned', pullSecret('owned', ownedBy('AWSECRImagePullSecret', 'example.com/v1', namespace))),
      { metadata: { labels: label } },
    ],
    'the deletion of a foreign pull secret': async () => ['DELETE', await made('stays', pullSecret('stays', {}))],
    'the deletion of a secret of another type with our label': async () => [
      'DELETE',
      await made('kept', { metadata: { name: 'kept', labels: label }, stringData: { a: 'b' } }),
    ],
    'our label taken off a pull secret of ours': async () => [
      'PATCH',
      await made('ours', pullSecret('ours')),
      { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } },
    ],
    'the creation of an authority of the webhook under another name': async () => [
      'POST',
      SECRET_PATH(OPERATOR_NAMESPACE),
      authority('another'),
    ],
    'the creation of an authority of the webhook in another namespace': async () => [
      'POST',
      SECRET_PATH(namespace),
      authority(AUTHORITY_NAME),
    ],
    'the creation of a secret of another type under the name of the authority': async () => [
      'POST',
      SECRET_PATH(OPERATOR_NAMESPACE),
      { ...authority(AUTHORITY_NAME), type: 'Opaque' },
    ],
    'the change of a secret of another type under the name of the authority': async () => {
      await createAuthority({ type: 'Opaque' });
      return ['PATCH', AUTHORITY_PATH, { data: { a: 'eA==' } }];
    },
    'the deletion of the authority of the webhook': async () => {
      await createAuthority();
      return ['DELETE', AUTHORITY_PATH];
    },
    'a token that the API server takes': async () => ['POST', tokenPath(), tokenRequest({})],
    'a token for AWS and another audience': async () => [
      'POST',
      tokenPath(),
      tokenRequest({ audiences: ['sts.amazonaws.com', 'vault'] }),
    ],
    'a token for longer than an hour': async () => [
      'POST',
      tokenPath(),
      tokenRequest({ audiences: ['sts.amazonaws.com'], expirationSeconds: 3_601 }),
    ],
    'a token of an account of kube-system': async () => ['POST', tokenPath('kube-system'), tokenRequest(FOR_AWS)],
    'a token of its own account': async () => [
      'POST',
      tokenPath(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT),
      tokenRequest(FOR_AWS),
    ],
    'a token of an account in a namespace that is named': async () => {
      const path = '/api/v1/namespaces';
      await world.api.must('POST', path, { metadata: { name: 'denied-namespace' } });
      await world.api.must('POST', `${path}/denied-namespace/serviceaccounts`, { metadata: { name: 'puller' } });
      return ['POST', tokenPath('denied-namespace', 'puller'), tokenRequest(FOR_AWS)];
    },
    'a token of an account that is named': async () => {
      const path = '/api/v1/namespaces/default/serviceaccounts';
      await world.api.must('POST', path, { metadata: { name: 'denied-account' } });
      return ['POST', tokenPath('default', 'denied-account'), tokenRequest(FOR_AWS)];
    },
  };
  afterEach(() => world.api.send('DELETE', AUTHORITY_PATH));
  for (const [what, request] of Object.entries(REFUSED)) {
    test(`refuse the operator ${what}`, async () => {
      const [method, path, body] = await request();
      const { status, body: answer } = await operator.send(method, path, body, method === 'PATCH' ? MERGE : undefined);
      assert.equal(status, 403, JSON.stringify(answer));
      assert.ok(answer.message.includes(POLICY_REFUSAL), answer.message);
    });
  }

  test('let it create and change the authority of the webhook', async () => {
    await operator.must('POST', SECRET_PATH(OPERATOR_NAMESPACE), authority(AUTHORITY_NAME));
    await operator.must('PATCH', AUTHORITY_PATH, { data: { 'tls.crt': 'eQ==' } }, MERGE);
  });

  test('let it have a token that only AWS takes, of any other account', async () => {
    await operator.must('POST', tokenPath(), tokenRequest(FOR_AWS));
    await operator.must('POST', tokenPath('default'), tokenRequest(FOR_AWS));
  });

  describe('of ServiceAccounts', () => {
    const LIST = 'aws.zakariaamine.com/attached-pull-secrets';
    const path = (): string => `/api/v1/namespaces/${namespace}/serviceaccounts/worker`;
    before(() =>
      world.api.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
        metadata: {
          name: 'worker',
          labels: { team: 'a' },
          annotations: { note: 'mine', [LIST]: '{"ours":"uid"}' },
        },
        imagePullSecrets: [{ name: 'mirror' }, { name: 'ours' }],
        secrets: [{ name: 'token' }],
      }),
    );
    const both = [{ name: 'mirror' }, { name: 'ours' }];
    const MANY = Array.from({ length: 70 }, (_, index) => `more-${index}`);
    const REFUSED_CHANGES: Readonly<Record<string, object>> = {
      'a role of the cloud': {
        metadata: { annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/admin' } },
      },
      'another note': { metadata: { annotations: { note: null } } },
      'another label': { metadata: { labels: { team: 'b' } } },
      'a finalizer': { metadata: { finalizers: ['example.com/never'] } },
      'an owner': {
        metadata: {
          ownerReferences: [{ apiVersion: API_VERSION, kind: 'AWSECRImagePullSecret', name: 'a', uid: 'uid' }],
        },
      },
      'a token of its own': { automountServiceAccountToken: true },
      'other secrets': { secrets: null },
      'fewer entries than the operator has added': { imagePullSecrets: [{ name: 'ours' }] },
      'an entry that is not listed': { imagePullSecrets: [...both, { name: 'more' }] },
      'an entry listed that it does not have from the operator': {
        metadata: { annotations: { [LIST]: '{"mirror":"uid","ours":"uid"}' } },
      },
      'an entry less, by listing it in the same write': {
        metadata: { annotations: { [LIST]: '{"mirror":"uid","ours":"uid"}' } },
        imagePullSecrets: [{ name: 'ours' }],
      },
      'an entry listed that nobody has added yet': {
        metadata: { annotations: { [LIST]: '{"later":"uid","ours":"uid"}' } },
      },
      'its entries in another order': {
        metadata: { annotations: { [LIST]: '{"more":"uid","ours":"uid"}' } },
        imagePullSecrets: [{ name: 'more' }, { name: 'ours' }],
      },
      'a foreign entry twice': { imagePullSecrets: [{ name: 'mirror' }, ...both] },
      'more entries than it keeps': {
        metadata: { annotations: { [LIST]: JSON.stringify(Object.fromEntries(MANY.map((name) => [name, 'u']))) } },
        imagePullSecrets: [...both, ...MANY.map((name) => ({ name }))],
      },
      'an annotation without end': { metadata: { annotations: { [LIST]: `{"ours":"${'u'.repeat(40_000)}"}` } } },
      'an entry whose name only ends as a listed one': { imagePullSecrets: [...both, { name: 'urs' }] },
    };
    for (const [what, change] of Object.entries(REFUSED_CHANGES)) {
      test(`refuse the operator to give one ${what}`, async () => {
        const { status, body } = await operator.send('PATCH', `${path()}?dryRun=All`, change, MERGE);
        assert.equal(status, 403, JSON.stringify(body));
        assert.ok(body.message.includes(POLICY_REFUSAL), body.message);
      });
    }
    const LET_THROUGH: Readonly<Record<string, object>> = {
      'an entry that it lists': {
        metadata: { annotations: { [LIST]: '{"more":"uid","ours":"uid"}' } },
        imagePullSecrets: [...both, { name: 'more' }],
      },
      'an entry less that it had listed': {
        metadata: { annotations: { [LIST]: null } },
        imagePullSecrets: [{ name: 'mirror' }],
      },
      'a listed entry again': { imagePullSecrets: both },
      'another owner in the list': { metadata: { annotations: { [LIST]: '{"ours":"other"}' } } },
    };
    for (const [what, change] of Object.entries(LET_THROUGH)) {
      test(`let the operator give one ${what}`, async () => {
        await operator.must('PATCH', `${path()}?dryRun=All`, change, MERGE);
      });
    }
    test('let it change one that has neither list nor annotation', async () => {
      const bare = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      await world.api.must('POST', bare, { metadata: { name: 'bare' } });
      const change = { metadata: { annotations: { [LIST]: '{"a":"uid"}' } }, imagePullSecrets: [{ name: 'a' }] };
      await operator.must('PATCH', `${bare}/bare`, change, MERGE);
      const back = { metadata: { annotations: { [LIST]: null } }, imagePullSecrets: [] };
      await operator.must('PATCH', `${bare}/bare`, back, MERGE);
    });
  });

  describe('of its webhook', () => {
    const names = { configuration: 'kube-ecr-secrets-operator', secret: 'kube-ecr-secrets-operator-webhook' };
    const path = CONFIGURATION_PATH(names.configuration);
    const STRATEGIC = 'application/strategic-merge-patch+json';
    let webhook = { name: '', clientConfig: {}, rules: [{}] };
    before(async () => {
      await configure(world, names, [1]);
      [webhook] = (await world.api.must('GET', path)).webhooks;
      await world.api.must('PATCH', path, { webhooks: [{ ...webhook, matchConditions: [NEVER] }] }, MERGE);
      [webhook] = (await world.api.must('GET', path)).webhooks;
    });
    after(() => removeWebhook(world, names));
    const NEVER = { name: 'never', expression: 'false' };
    const everything = { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] };

    const REFUSED_CHANGES: Readonly<Record<string, () => object>> = {
      'to be asked about other objects': () => ({ webhooks: [{ ...webhook, rules: [everything] }] }),
      'to block who is not answered': () => ({ webhooks: [{ ...webhook, failurePolicy: 'Fail' }] }),
      'to send objects to another server': () => ({
        webhooks: [{ ...webhook, clientConfig: { url: 'https://somebody.example/' } }],
      }),
      'to lose a condition': () => ({ webhooks: [{ ...webhook, matchConditions: null }] }),
      'to have a second webhook': () => ({ webhooks: [webhook, { ...webhook, name: 'second.example.com' }] }),
      'to have another webhook': () => ({ webhooks: [{ ...webhook, name: 'other.example.com' }] }),
      'to have none': () => ({ webhooks: [] }),
      'to belong to another release': () => ({ metadata: { annotations: { 'meta.helm.sh/release-name': 'other' } } }),
    };
    for (const [what, change] of Object.entries(REFUSED_CHANGES)) {
      test(`refuse the operator ${what}`, async () => {
        // It takes some seconds until the API server knows a new policy.
        const { status, body } = await eventually(async () => {
          const reply = await operator.send('PATCH', `${path}?dryRun=All`, change(), MERGE);
          return reply.status === 200 ? undefined : reply;
        }, 30_000);
        assert.equal(status, 403, JSON.stringify(body));
        assert.ok(body.message.includes(POLICY_REFUSAL), body.message);
      });
    }

    test('let the operator write the authority, and nothing else', async () => {
      const caBundle = Buffer.from(makeAuthority().certificate).toString('base64');
      await operator.must('PATCH', path, { webhooks: [{ name: webhook.name, clientConfig: { caBundle } }] }, STRATEGIC);
      const [after] = (await world.api.must('GET', path)).webhooks;
      assert.deepEqual(after, { ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } });
    });
  });
});
