// The chart gives exactly the rights that the operator uses; and its policies let nothing else through.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { API_VERSION, LEGACY_API_VERSION, LEGACY_KIND } from '../../src/api/names.ts';
import { RIGHTS } from '../../src/checks/rights-finding.ts';
import { eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, POLICY_REFUSAL } from '../../testing/operator/operator-account.ts';
import { CONFIGURATION_PATH } from '../../testing/operator/webhook-configuration.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  LEGACY_PATH,
  NAMESPACED_PATH,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { QUICK } from '../../testing/rigs/election-rig.ts';
import { ACCESS, createClusterPullSecret, createPullSecret } from '../scenario/manifests.ts';
import { configure, ownCertificate, removeWebhook, untilHeeded } from '../scenario/webhook-rig.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const ROLE = '/apis/rbac.authorization.k8s.io/v1/clusterroles/kube-ecr-secrets-operator';
/** For the Lease: its rights are confined to the operator's own namespace. */
const ELECTION_ROLE = `/apis/rbac.authorization.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/roles/kube-ecr-secrets-operator-leader-election`;
const AUTHORITY_NAME = 'kube-ecr-secrets-operator-webhook';
const AUTHORITY_PATH = SECRET_PATH(OPERATOR_NAMESPACE, AUTHORITY_NAME);
const DOCKER_CONFIG = Buffer.from('{"auths":{}}').toString('base64');

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const byText = (one: string, other: string): number => one.localeCompare(other);

// Rule 19
describe('the rights of the chart', () => {
  const world = useWorld();

  const granted = async (): Promise<readonly string[]> => {
    const roles = await Promise.all([ROLE, ELECTION_ROLE].map((path) => world.api.must('GET', path)));
    const pairs = (roles as readonly { readonly rules: readonly Rule[] }[])
      .flatMap(({ rules }) => rules)
      .flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) => {
            const [plural, subresource] = resource.split('/');
            const name = `${plural}${group && `.${group}`}${subresource ? `/${subresource}` : ''}`;
            return verbs.map((verb) => `${verb} ${name}`);
          }),
        ),
      );
    return pairs.toSorted(byText);
  };
  test('are those of which check asks whether it has them, beside those of switches, webhook and election', async () => {
    const OF_SWITCHES =
      / (?:serviceaccounts|awsecrcredentials|leases|validatingwebhookconfigurations)\b|^create cluster/;
    const asked = RIGHTS.map(({ verb, group, resource, subresource }) => {
      const name = `${resource}${group && `.${group}`}${subresource ? `/${subresource}` : ''}`;
      return `${verb} ${name}`;
    });
    const always = (await granted()).filter((right) => !OF_SWITCHES.test(right));
    assert.deepEqual(asked.toSorted(byText), always);
  });

  const used = (): readonly string[] => {
    const asked = world.audit().filter(({ resource }) => !resource.startsWith('/'));
    return [...new Set(asked.map(({ verb, resource }) => `${verb} ${resource}`))].sort(byText);
  };
  const uses = async (...pairs: readonly string[]): Promise<void> =>
    void (await eventually(() => (pairs.every((pair) => used().includes(pair)) ? true : undefined)));

  test('are all used, and none beside them, in a life with everything that the operator does', async (t) => {
    process.env['AWS_ENDPOINT_URL_STS'] = world.aws.url;
    t.after(() => delete process.env['AWS_ENDPOINT_URL_STS']);
    const clock = createTravelClock();
    world.aws.setTokenLife(12 * HOUR);
    const [one, other] = [await world.api.createNamespace(), await world.api.createNamespace()];
    // A webhook under the chart's names, which writes its authority and its configuration.
    const name = 'kube-ecr-secrets-operator';
    const names = { configuration: name, secret: `${name}-webhook` };
    t.after(() => removeWebhook(world, names));
    // Of two replicas; the one whose clock is set forward would lose its Lease each time.
    const replica = await world.startOperator({ election: { lease: name, identity: 'one', times: QUICK } });
    const leases = 'leases.coordination.k8s.io';
    await uses(...['create', 'get', 'patch'].map((verb) => `${verb} ${leases}`));
    await replica.stop();
    const { operator } = await world.startOperator({ clock, webhook: ownCertificate(names) });
    await configure(world, names, [operator.webhookPort ?? 0]);
    await untilHeeded(world, one);
    const configurations = 'validatingwebhookconfigurations.admissionregistration.k8s.io';
    await uses(...['list', 'patch'].map((verb) => `${verb} ${configurations}`));
    // It would refuse some of the following requests.
    await removeWebhook(world, names);

    // Keys from a Secret.
    const data = { AWS_ACCESS_KEY_ID: ACCESS.accessKeyId, AWS_SECRET_ACCESS_KEY: ACCESS.secretAccessKey };
    await world.api.must('POST', SECRET_PATH(one), { metadata: { name: 'keys' }, stringData: data });
    const awsAccess = { region: 'eu-west-1', secretRef: { name: 'keys' } };
    await createPullSecret(world.api, one, 'by-secret', { awsAccess });
    await world.ready(NAMESPACED_PATH(one, 'by-secret'));
    await uses('get secrets', 'create secrets', 'create events.events.k8s.io');

    // A namespace that leaves loses its Secret.
    const path = CLUSTER_PATH(`rights-${one}`);
    await createClusterPullSecret(world.api, `rights-${one}`, { namespaces: [one, other], secretName: 'everywhere' });
    await world.ready(path);
    await world.api.merge(path, { spec: { namespaces: [one] } });
    await uses('delete secrets');

    // A token of a ServiceAccount whose role stands in its annotation.
    const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/puller' };
    const account = { metadata: { name: 'puller', annotations } };
    await world.api.must('POST', `/api/v1/namespaces/${one}/serviceaccounts`, account);
    await createPullSecret(world.api, one, 'by-account', {
      awsAccess: { region: 'eu-west-1', serviceAccountRef: { name: 'puller' } },
      secretName: 'by-account',
    });
    await uses('get serviceaccounts', 'create serviceaccounts/token');

    // The deprecated kind: one that is converted, one that cannot be.
    const legacy = (name: string, spec: object): Promise<unknown> =>
      world.api.must('POST', LEGACY_PATH(), {
        apiVersion: LEGACY_API_VERSION,
        kind: LEGACY_KIND,
        metadata: { name },
        spec,
      });
    await legacy(`good-${one}`, { awsAccess: ACCESS, secretName: 'converted', namespaces: [one] });
    await legacy(`bad-${one}`, { awsAccess: { ...ACCESS, region: 'nowhere' }, secretName: 'bad', namespaces: [one] });
    t.after(() => world.api.must('DELETE', LEGACY_PATH(`bad-${one}`)));
    await uses('delete awsecrcredentials.aws.zakariaamine.com', 'patch awsecrcredentials.aws.zakariaamine.com/status');

    // The operator retries what AWS refuses and reports it again, minutes later.
    const awsAccessDenied = { ...ACCESS, accessKeyId: 'AKIADENIEDDENIED0001' };
    await createPullSecret(world.api, one, 'denied', { awsAccess: awsAccessDenied, secretName: 'denied' });
    await world.status(NAMESPACED_PATH(one, 'denied'), (status) => conditionOf(status, 'Stalled') !== undefined);
    for (let turn = 0; turn < 3; turn += 1) {
      const asked = world.aws.calls();
      clock.travel(6 * MINUTE);
      await eventually(() => (world.aws.calls() > asked ? true : undefined));
    }
    await uses('patch events.events.k8s.io');

    // The operator writes a deleted Secret again once no status announces a later login.
    for (const name of ['ecr-login', 'everywhere']) await world.api.must('DELETE', SECRET_PATH(one, name));
    const plurals = ['awsecrimagepullsecrets', 'clusterawsecrimagepullsecrets'];
    await uses(...plurals.map((plural) => `get ${plural}.aws.zakariaamine.com`));

    // Six hours later logins are renewed.
    world.aws.setTokenLife(24 * HOUR);
    clock.travel(6 * HOUR);
    await uses('patch secrets');
    assert.deepEqual(used(), await granted());
  });
});

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
