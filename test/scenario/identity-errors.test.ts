// What users read when an identity does not work, and that it works again once they have corrected it.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { listen } from '../../src/http/server.ts';
import { HOUR, plus, systemClock } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import type { AwsCall } from '../../testing/aws/call-log.ts';
import type { AwsRole } from '../../testing/aws/iam.ts';
import { type MetadataStandIn, startMetadataStandIn } from '../../testing/aws/metadata.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { useAwsByName } from '../../testing/operator/aws-by-name.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  type OperatorSurroundings,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS, createClusterPullSecret, createPullSecret, passwordOf } from './manifests.ts';

const ROLE = 'arn:aws:iam::444455556666:role/ecr';
const SESSION = {
  accessKeyId: 'ASIATESTSESSION00002',
  secretAccessKey: 'ThisIsTheSecretOfASessionThatIsNoneEither',
  sessionToken: 'another-session-token-of-the-tests-that-is-long-enough-to-be-looked-for',
  accountId: '222233334444',
};
const TRUSTING: AwsRole = { arn: ROLE, trusts: [{ op: 'account', accountId: GOOD_KEY.accountId, externalId: 'mine' }] };

describe('an identity that does not work', () => {
  const world = useWorld('by name');
  const aws = useAwsByName(world);
  const folder = mkdtempSync(join(tmpdir(), 'identities-'));
  const created: string[] = [];
  let metadata: MetadataStandIn;
  let clock: TravelClock;
  let operator: RunningOperator | undefined;
  let namespace = '';
  let path = '';

  before(async () => {
    metadata = await startMetadataStandIn();
  });
  after(async () => {
    await metadata.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    // A controller makes it, some moments later.
    const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
    await eventually(async () => ((await world.api.get(account)).status === 200 ? true : undefined));
    path = NAMESPACED_PATH(namespace, 'login');
    clock = createTravelClock();
    world.aws.faults.clear();
    world.aws.removeRole(ROLE);
    world.aws.clearLog();
  });
  afterEach(async () => {
    await operator?.stop();
    operator = undefined;
    for (const one of [path, ...created.splice(0)]) await world.api.send('DELETE', one);
  });

  const start = async (env: NodeJS.ProcessEnv = {}, over: OperatorSurroundings = {}): Promise<void> => {
    operator = await world.startOperator({ clock, ...aws.surroundings(env), ...over });
  };
  const createAmbient = async (): Promise<string> => {
    const name = `ambient-${namespace}`;
    created.push(CLUSTER_PATH(name));
    await createClusterPullSecret(world.api, name, {
      awsAccess: { region: 'eu-west-1', ambient: {} },
      namespaces: [namespace],
    });
    return CLUSTER_PATH(name);
  };
  /** The message of Ready once the login has failed. */
  const words = async (of = path): Promise<string> => {
    const status = await world.status(of, (found) => conditionOf(found, 'Ready')?.status === 'False');
    assert.equal(conditionOf(status, 'Ready')?.reason, 'GetAWSAuthTokenFailed');
    return conditionOf(status, 'Ready')?.message ?? '';
  };
  const reconcileNow = async (mark: string, of = path): Promise<void> => {
    await world.api.merge(of, { metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': mark } } });
  };
  const withRole = { awsAccess: { ...ACCESS, assumeRole: { roleArn: ROLE, externalId: 'mine' } } };
  const assumed = ({ operation }: AwsCall): boolean => operation === 'AssumeRole';

  test('a role that does not trust says so in the words of AWS; corrected, it works at once after a forced attempt', async () => {
    await start();
    await createPullSecret(world.api, namespace, 'login', withRole);
    assert.equal(
      await words(),
      `login to eu-west-1: AWS denied the role (AccessDenied): User: arn:aws:iam::111122223333:user/test is not authorized to perform: sts:AssumeRole on resource: ${ROLE}`,
    );
    world.aws.addRole(TRUSTING);
    await reconcileNow('mended');
    await world.ready(path);
  });

  test('a wrong external id is denied like a role that does not trust', async () => {
    world.aws.addRole(TRUSTING);
    await start();
    const assumeRole = { roleArn: ROLE, externalId: 'yours' };
    await createPullSecret(world.api, namespace, 'login', { awsAccess: { ...ACCESS, assumeRole } });
    assert.match(await words(), /not authorized to perform: sts:AssumeRole/);
    await world.api.merge(path, { spec: { awsAccess: { assumeRole: { externalId: 'mine' } } } });
    await world.ready(path);
  });

  const password = async (): Promise<string> =>
    passwordOf((await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body);
  const another = async (before: string): Promise<void> => {
    await eventually(async () => ((await password()) === before ? undefined : true));
  };
  /** An object with the role, whose first login has been renewed. */
  const renewedWith = async (role: AwsRole): Promise<void> => {
    world.aws.addRole(role);
    await start();
    await createPullSecret(world.api, namespace, 'login', withRole);
    await world.ready(path);
    const first = await password();
    clock.travel(6 * HOUR);
    await another(first);
  };

  test('keys of a role are requested again when their time has come', async () => {
    await renewedWith(TRUSTING);
    assert.equal(world.aws.calls(assumed), 2);
  });

  test('keys of a role serve while they hold, and are requested again when AWS revokes them', async () => {
    await renewedWith({ ...TRUSTING, sessionLifeMs: 12 * HOUR });
    assert.equal(world.aws.calls(assumed), 1);
    world.aws.removeKey(world.aws.requests.at(-1)?.accessKeyId ?? '');
    const second = await password();
    // The new token ends twelve hours after the stand-in's clock, which stood still.
    clock.travel(3 * HOUR);
    await world.status(path, (found) => conditionOf(found, 'Stalled') !== undefined);
    assert.equal(await password(), second);
    clock.travel(5_000);
    await another(second);
    assert.equal(world.aws.calls(assumed), 2);
  });

  test('a service account that is missing is named, and one without the annotation too', async () => {
    await start();
    const awsAccess = { region: 'eu-west-1', serviceAccountRef: { name: 'puller' } };
    await createPullSecret(world.api, namespace, 'login', { awsAccess });
    const called = `service account puller in namespace ${namespace}`;
    const missing = `login to eu-west-1: ${called} does not exist (spec.awsAccess.serviceAccountRef): the operator looks`;
    assert.equal((await words()).slice(0, missing.length), missing);
    await world.api.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'puller' } });
    clock.travel(5 * 60_000 + 1_000);
    const status = await world.status(path, (found) => /annotation/.test(conditionOf(found, 'Ready')?.message ?? ''));
    assert.match(
      conditionOf(status, 'Ready')?.message ?? '',
      /has no usable annotation eks\.amazonaws\.com\/role-arn, and spec\.awsAccess\.serviceAccountRef\.roleArn is not set$/,
    );
  });

  test('a token of an issuer that IAM does not know is denied in the words of AWS', async () => {
    await start();
    const awsAccess = { region: 'eu-west-1', serviceAccountRef: { name: 'default', roleArn: ROLE } };
    await createPullSecret(world.api, namespace, 'login', { awsAccess });
    assert.match(
      await words(),
      /AWS denied the role \(InvalidIdentityTokenException\): No OpenIDConnect provider found in your account for https:\/\/kubernetes/,
    );
  });

  test('without the right to request tokens it is said which right that is', async () => {
    const limited = await limitedToken(
      ['get', 'list', 'watch', 'patch', 'create', 'delete'],
      ['serviceaccounts/token'],
    );
    const { url, certificateAuthority: ca } = world.plane;
    const credentials = { ca, headers: { authorization: `Bearer ${limited}` } };
    const access = {
      url: new URL(url),
      namespace: undefined,
      credentials: () => Promise.resolve(credentials),
      invalidate: () => {},
    };
    operator = await world.startOperator({ clock, access, ...aws.surroundings() });
    const awsAccess = { region: 'eu-west-1', serviceAccountRef: { name: 'default', roleArn: ROLE } };
    await createPullSecret(world.api, namespace, 'login', { awsAccess });
    assert.match(
      await words(),
      /the operator may not request tokens of service account default .* it needs the right to create serviceaccounts\/token/,
    );
    assert.equal(world.aws.calls(), 0);
  });

  /** Token of an account that may do everything to all that the operator needs, but for `without`. */
  const limitedToken = async (verbs: readonly string[], without: readonly string[]): Promise<string> => {
    const name = `limited-${namespace}`;
    const all = ['secrets', 'namespaces', 'serviceaccounts', 'serviceaccounts/token'];
    const rules = [
      { apiGroups: [''], resources: all.filter((one) => !without.includes(one)), verbs },
      { apiGroups: ['aws.zakariaamine.com', 'events.k8s.io'], resources: ['*'], verbs },
    ];
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await world.api.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
    await world.api.must('POST', `${rbac}/clusterroles`, { metadata: { name }, rules });
    await world.api.must('POST', `${rbac}/clusterrolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    });
    created.push(`${rbac}/clusterrolebindings/${name}`, `${rbac}/clusterroles/${name}`);
    const asked = await world.api.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
      spec: { expirationSeconds: 3_600 },
    });
    return asked.status.token;
  };

  test('the agent of Pod Identity that refuses is quoted; with the token that it wants it works', async () => {
    metadata.setKeys({ ...SESSION, expiresAt: plus(systemClock.now(), HOUR) });
    metadata.setAgentToken('second-token');
    world.aws.addKey(SESSION);
    const tokenFile = join(folder, 'agent');
    writeFileSync(tokenFile, 'first-token');
    await start({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: metadata.agentUrl,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
    });
    const object = await createAmbient();
    assert.match(
      await words(object),
      /^login to eu-west-1: the operator's own AWS identity \(container\) could not be had: .*401/,
    );
    writeFileSync(tokenFile, 'second-token');
    clock.travel(5 * 60_000);
    await world.ready(object);
  });

  test('a web identity of the operator that ECR denies is told with the name of its session, which stays', async () => {
    const issuer = 'https://kubernetes.default.svc.cluster.local';
    const audience = 'sts.amazonaws.com';
    const subject = `system:serviceaccount:${namespace}:default`;
    world.aws.addIdentityProvider({ issuer, jwks: await world.api.must('GET', '/openid/v1/jwks') });
    world.aws.addRole({ arn: ROLE, allowed: false, trusts: [{ op: 'webIdentity', issuer, subject, audience }] });
    const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`;
    const { status } = await world.api.must('POST', account, { spec: { audiences: [audience] } });
    const file = join(folder, 'web-identity');
    writeFileSync(file, status.token);
    await start({ AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: ROLE });
    const object = await createAmbient();
    const session = 'arn:aws:sts::444455556666:assumed-role/ecr/kube-ecr-secrets-operator';
    const denied = `User: ${session} is not authorized to perform: ecr:GetAuthorizationToken`;
    assert.ok((await words(object)).includes(denied));
    const calls = world.aws.calls();
    clock.travel(6 * 60_000);
    await eventually(() => (world.aws.calls() > calls + 1 ? true : undefined));
    assert.ok((await words(object)).includes(denied));
  });

  test('an instance without a role says what its metadata service said', async () => {
    metadata.setKeys(undefined);
    await start({ AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.instanceUrl });
    const object = await createAmbient();
    assert.equal(
      await words(object),
      "login to eu-west-1: the operator's own AWS identity (instance role) could not be had: Error response received from instance metadata service (status 404)",
    );
  });

  for (const how of ['refuses', 'is not there'])
    test(`a metadata service that ${how} is told in the operator's words, which name the hop limit`, async () => {
      const server = createServer((_, response) => response.writeHead(403).end());
      const port = how === 'refuses' ? await listen(server, { host: '127.0.0.1', port: 0 }) : await findFreePort();
      try {
        await start({ AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}` });
        const said = await words(await createAmbient());
        assert.match(
          said,
          /\(instance role\) could not be had: the metadata service of the instance opened no session /,
        );
        assert.match(said, /hop limit/);
        assert.doesNotMatch(said, /fallback|ec2Metadata/);
      } finally {
        server.close();
      }
    });

  test('a node whose clock is 13 hours ahead is told so', async () => {
    clock.travel(13 * HOUR);
    await start();
    await createPullSecret(world.api, namespace, 'login');
    assert.match(
      await words(),
      /holds a token that ended about an hour ago by the operator's clock: is the clock of the node ahead\?$/,
    );
  });

  test('a program that never gives the keys is reported; when it does at last, they are used', async () => {
    const [program, begun, hangs] = [join(folder, 'program'), join(folder, 'begun'), join(folder, 'hangs')];
    const keys = { Version: 1, AccessKeyId: GOOD_KEY.accessKeyId, SecretAccessKey: GOOD_KEY.secretAccessKey };
    writeFileSync(hangs, '');
    writeFileSync(
      program,
      `echo x >> ${begun}\nwhile test -e ${hangs}; do sleep 0.1; done\necho '${JSON.stringify(keys)}'\n`,
    );
    writeFileSync(join(folder, 'config'), `[profile ci]\ncredential_process = sh ${program}\n`);
    await start({ AWS_CONFIG_FILE: join(folder, 'config'), AWS_PROFILE: 'ci' });
    const object = await createAmbient();
    await eventually(() => Promise.resolve(existsSync(begun) || undefined));
    clock.travel(31_000);
    assert.equal(
      await words(object),
      "login to eu-west-1: the operator's own AWS identity (shared config) could not be had: no answer in time",
    );
    // Tried again while it still hangs: that waits for the same program.
    clock.travel(60_000);
    await eventually(async () => ((await operator?.metric('ecr_operator_logins_under_way')) === 1 ? true : undefined));
    assert.equal(readFileSync(begun, 'utf8'), 'x\n');
    rmSync(hangs);
    clock.travel(5 * 60_000);
    await world.ready(object);
  });

  test("the operator's own identity is not used where that is switched off", async () => {
    const env = { AWS_ACCESS_KEY_ID: GOOD_KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: GOOD_KEY.secretAccessKey };
    await start(env, { useAmbient: false });
    const object = await createAmbient();
    assert.match(await words(object), /spec\.awsAccess\.ambient: use of the operator's own identity is switched off/);
    assert.equal(world.aws.calls(), 0);
  });

  test('a secret with a line feed behind its keys works, and an Event says what was left out', async () => {
    await start();
    const stringData = {
      AWS_ACCESS_KEY_ID: GOOD_KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: `${GOOD_KEY.secretAccessKey}\n`,
    };
    await world.api.must('POST', SECRET_PATH(namespace), { metadata: { name: 'aws-keys' }, stringData });
    const awsAccess = { region: 'eu-west-1', secretRef: { name: 'aws-keys' } };
    await createPullSecret(world.api, namespace, 'login', { awsAccess });
    await world.ready(path);
    const events = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    const note = await eventually(async () => {
      const { items } = await world.api.must('GET', events);
      return items.find(({ reason }: { reason: string }) => reason === 'CredentialsTrimmed')?.note as
        | string
        | undefined;
    });
    assert.equal(
      note,
      `secret aws-keys in namespace ${namespace}: AWS_SECRET_ACCESS_KEY has white space around it: the operator uses the keys inside`,
    );

    // An object that shares the login of another one is told the same.
    await createPullSecret(world.api, namespace, 'second', { awsAccess, secretName: 'second' });
    await world.ready(NAMESPACED_PATH(namespace, 'second'));
    await eventually(async () => {
      const { items } = await world.api.must('GET', events);
      const told = (
        items as readonly { readonly reason: string; readonly regarding: { readonly name: string } }[]
      ).filter(({ reason, regarding }) => reason === 'CredentialsTrimmed' && regarding.name === 'second');
      return told.length === 1 ? true : undefined;
    });
  });
});
