// Every cache, flight and refusal keeps identities apart: two objects that differ in one thing never share keys, a
// login or a refusal. Through the operator and a real API server; the stand-in for AWS verifies the caller.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { digest } from '../../src/lib/digest.ts';
import { MINUTE } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import type { AwsKey } from '../../testing/aws/iam.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { useAwsByName } from '../../testing/operator/aws-by-name.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS, createClusterPullSecret, createPullSecret, KEYS } from './manifests.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const AUDIENCE = 'sts.amazonaws.com';
const [ROLE, OTHER_ROLE, FAR_ROLE] = ['444455556666:role/ecr', '444455556666:role/other', '555566667777:role/ecr'].map(
  (role) => `arn:aws:iam::${role}`,
);
const POD_ROLE = 'arn:aws:iam::777788889999:role/puller';
const SESSION: AwsKey & { readonly sessionToken: string } = {
  accessKeyId: 'ASIATESTSESSION00003',
  secretAccessKey: 'ThisIsTheSecretOfASessionOfTheSameAccnt+',
  sessionToken: 'a-session-token-of-these-tests-that-is-long-enough-to-be-looked-for',
  accountId: GOOD_KEY.accountId,
};
const SAME_SECRET = { ...GOOD_KEY, accessKeyId: 'AKIATESTGOODKEY00009' };
const DENIED = { op: 'error', status: 400, code: 'AccessDeniedException', message: 'not now' } as const;

/** One of two objects; the other one differs from it in one thing. */
interface Side {
  /** `spec.awsAccess` beside the region. */
  readonly access?: object;
  readonly region?: string;
  readonly registries?: object;
  readonly isCluster?: true;
  /** It is in the other namespace. */
  readonly isElsewhere?: true;
}

interface Pair {
  readonly one: Side;
  readonly other: Side;
  /** AWS does not accept the other one: nothing of the first must make it work. */
  readonly isOtherDenied?: true;
}

const role = (roleArn: string | undefined, externalId?: string): object => ({
  ...KEYS,
  assumeRole: { roleArn, ...(externalId === undefined ? {} : { externalId }) },
});
const secretRef = (name: string): object => ({ secretRef: { name } });
const account = (name: string): object => ({ serviceAccountRef: { name, roleArn: POD_ROLE } });

const PAIRS: Readonly<Record<string, Pair>> = {
  'their kind of identity': { one: { access: { ambient: {} }, isCluster: true }, other: { isCluster: true } },
  'their key id': { one: {}, other: { access: { ...KEYS, accessKeyId: SAME_SECRET.accessKeyId } } },
  'their secret': { one: {}, other: { access: { ...KEYS, secretAccessKey: 'x'.repeat(40) } }, isOtherDenied: true },
  'their session token': {
    one: { access: secretRef('session') },
    other: { access: secretRef('wrong-session') },
    isOtherDenied: true,
  },
  'having a session token': {
    one: { access: secretRef('session') },
    other: { access: secretRef('without-session') },
    isOtherDenied: true,
  },
  'a role': { one: {}, other: { access: role(ROLE, 'mine') } },
  'their role': { one: { access: role(ROLE, 'mine') }, other: { access: role(OTHER_ROLE, 'mine') } },
  'the account of their role': { one: { access: role(ROLE, 'mine') }, other: { access: role(FAR_ROLE, 'mine') } },
  'their external id': {
    one: { access: role(ROLE, 'mine') },
    other: { access: role(ROLE, 'yours') },
    isOtherDenied: true,
  },
  'having an external id': {
    one: { access: role(ROLE, 'mine') },
    other: { access: role(ROLE) },
    isOtherDenied: true,
  },
  'their region': { one: {}, other: { region: 'eu-central-1' } },
  'the region where their role is taken': {
    one: { access: role(ROLE, 'mine'), registries: { regions: ['us-east-1'] } },
    other: { access: role(ROLE, 'mine'), region: 'us-east-1', registries: { regions: ['eu-west-1'] } },
  },
  'FIPS endpoints': { one: {}, other: { access: { ...KEYS, useFipsEndpoint: true } } },
  'dual-stack endpoints': { one: {}, other: { access: { ...KEYS, useDualstackEndpoint: true } } },
  'the FIPS endpoint at which their role is taken': {
    one: { access: role(ROLE, 'mine') },
    other: { access: { ...role(ROLE, 'mine'), useFipsEndpoint: true } },
  },
  // A public registry is called in us-east-1, whatever the region of the private one beside it.
  'being public': {
    one: { region: 'us-east-1' },
    other: { region: 'eu-central-1', registries: { public: true } },
  },
  'the namespace of their service account': {
    one: { access: account('puller') },
    other: { access: account('puller'), isElsewhere: true },
    isOtherDenied: true,
  },
  'the name of their service account': {
    one: { access: account('puller') },
    other: { access: account('stranger') },
    isOtherDenied: true,
  },
};

// Rules 6, 20
describe('two objects that differ in one thing', () => {
  const world = useWorld('by name');
  const aws = useAwsByName(world);
  let clock: TravelClock;
  let operator: RunningOperator;
  let [namespace, elsewhere] = ['', ''];
  const created: string[] = [];

  const keysIn = async (name: string, { accessKeyId, secretAccessKey, sessionToken }: Omit<AwsKey, 'accountId'>) => {
    const token = sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken };
    const stringData = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, ...token };
    await world.api.must('POST', SECRET_PATH(namespace), { metadata: { name }, stringData });
  };
  const accountsPath = (of: string, name = ''): string =>
    `/api/v1/namespaces/${of}/serviceaccounts${name && `/${name}`}`;

  before(async () => {
    namespace = await world.api.createNamespace();
    elsewhere = await world.api.createNamespace();
    world.aws.addKey(SESSION);
    world.aws.addKey(SAME_SECRET);
    world.aws.addIdentityProvider({ issuer: ISSUER, jwks: await world.api.must('GET', '/openid/v1/jwks') });
    const trusts = [{ op: 'account', accountId: GOOD_KEY.accountId, externalId: 'mine' }] as const;
    for (const arn of [ROLE, OTHER_ROLE, FAR_ROLE]) world.aws.addRole({ arn: arn ?? '', trusts });
    const subject = `system:serviceaccount:${namespace}:puller`;
    world.aws.addRole({
      arn: POD_ROLE,
      trusts: [{ op: 'webIdentity', issuer: ISSUER, subject, audience: AUDIENCE }],
    });
    for (const [of, name] of [
      [namespace, 'puller'],
      [namespace, 'stranger'],
      [elsewhere, 'puller'],
    ] as const)
      await world.api.must('POST', accountsPath(of), { metadata: { name } });
    await keysIn('session', SESSION);
    await keysIn('wrong-session', { ...SESSION, sessionToken: SESSION.sessionToken.replace('these', 'other') });
    const { accessKeyId: id, secretAccessKey: secret } = SESSION;
    await keysIn('without-session', { accessKeyId: id, secretAccessKey: secret });
    clock = createTravelClock();
    const { accessKeyId, secretAccessKey } = GOOD_KEY;
    const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    operator = await world.startOperator({ clock, ...aws.surroundings(env) });
  });
  after(async () => {
    await operator.stop();
  });
  afterEach(async () => {
    world.aws.faults.clear();
    for (const path of created.splice(0)) await world.api.send('DELETE', path);
    // An operator that has not seen it yet would serve the next one by the same login.
    await eventually(async () => ((await operator.metric('ecr_operator_objects')) === 0 ? true : undefined));
    await operator.idle();
  });

  interface Made {
    readonly path: string;
    readonly secret: string;
  }
  const make = async (name: string, side: Side): Promise<Made> => {
    const { access = KEYS, region = ACCESS.region, registries, isCluster, isElsewhere } = side;
    const spec = { awsAccess: { region, ...access }, secretName: name, ...(registries ? { registries } : {}) };
    const where = isElsewhere ? elsewhere : namespace;
    const path = isCluster ? CLUSTER_PATH(name) : NAMESPACED_PATH(where, name);
    created.push(path);
    if (isCluster) await createClusterPullSecret(world.api, name, { ...spec, namespaces: [where] });
    else await createPullSecret(world.api, where, name, spec);
    return { path, secret: SECRET_PATH(where, name) };
  };
  const denied = async ({ path }: Made): Promise<void> => {
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
    assert.equal(conditionOf(status, 'Ready')?.reason, 'GetAWSAuthTokenFailed');
  };
  /** Owners of the tokens in the Secret, by host. */
  const passwords = async ({ secret }: Made): Promise<readonly string[]> => {
    const { status, body } = await world.api.get(secret);
    if (status === 404) return [];
    const text = Buffer.from(body.data['.dockerconfigjson'], 'base64').toString();
    const { auths } = JSON.parse(text) as { auths: Record<string, { password: string }> };
    return Object.values(auths).map(({ password }) => password);
  };
  let count = 0;
  const nextName = (): string => {
    count += 1;
    return `who-${count}`;
  };

  for (const [difference, { one, other, isOtherDenied }] of Object.entries(PAIRS)) {
    test(`${difference}: share no login, no keys and no refusal`, async () => {
      // Refused first: a refusal of the first one must not apply to the second one.
      world.aws.faults.failWhile(() => true, DENIED);
      const first = await make(nextName(), one);
      await denied(first);
      world.aws.faults.clear();
      world.aws.clearLog();
      const second = await make(nextName(), other);
      if (isOtherDenied) await denied(second);
      else await world.ready(second.path);
      assert.ok(world.aws.calls() > 0, 'the second one is asked for at once, in its own name');
      await world.api.merge(first.path, { metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': 'now' } } });
      await world.ready(first.path);
      // Requested again beside the first one, which works now.
      if (isOtherDenied) {
        await world.api.merge(second.path, {
          metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': 'now' } },
        });
        await eventually(async () => {
          const { body } = await world.api.get(second.path);
          return body.status?.lastHandledReconcileAt === undefined && world.aws.calls() > 2 ? true : undefined;
        });
        await denied(second);
        assert.deepEqual(await passwords(second), []);
      }
      const held = await passwords(first);
      assert.ok(held.length > 0);
      for (const password of await passwords(second)) assert.ok(!held.includes(password), 'a login is shared');
    });
  }

  test('the same keys, in an object and in a secret of another namespace, share one login', async () => {
    world.aws.clearLog();
    const { accessKeyId, secretAccessKey } = GOOD_KEY;
    await keysIn('aws-keys', { accessKeyId, secretAccessKey });
    const first = await make(nextName(), { isElsewhere: true });
    await world.ready(first.path);
    const second = await make(nextName(), { access: secretRef('aws-keys') });
    await world.ready(second.path);
    assert.equal(world.aws.calls(), 1);
    assert.deepEqual(await passwords(first), await passwords(second));
  });

  test('a service account that is made anew under its name is another one', async () => {
    const first = await make(nextName(), { access: account('puller') });
    await world.ready(first.path);
    const exchanges = (): number => world.aws.calls(({ operation }) => operation === 'AssumeRoleWithWebIdentity');
    const before = exchanges();
    await world.api.must('DELETE', accountsPath(namespace, 'puller'));
    await world.api.must('POST', accountsPath(namespace), { metadata: { name: 'puller' } });
    clock.travel(5 * MINUTE + 1_000);
    await eventually(async () => ((await Promise.resolve(exchanges())) > before ? true : undefined));
  });

  test("a secret whose texts give the digest of the operator's own identity is no identity at all", async () => {
    const platform = await make(nextName(), { access: { ambient: {} }, isCluster: true });
    await world.ready(platform.path);
    world.aws.clearLog();
    const stringData = {
      AWS_ACCESS_KEY_ID: 'ambient',
      AWS_SECRET_ACCESS_KEY: digest('container'),
      AWS_SESSION_TOKEN: ACCESS.region,
    };
    await world.api.must('POST', SECRET_PATH(namespace), { metadata: { name: 'forged' }, stringData });
    const thief = await make(nextName(), { access: secretRef('forged') });
    await denied(thief);
    assert.deepEqual(await passwords(thief), []);
    assert.equal(world.aws.calls(), 0);
  });
});
