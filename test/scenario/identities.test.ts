// Every identity with every form of registry: which requests are made, by which identity, at which host, and what the
// secret then opens.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { OPERATOR_NAME } from '../../src/api/names.ts';
import { HOUR, plus, systemClock } from '../../src/lib/time.ts';
import type { AwsCall } from '../../testing/aws/call-log.ts';
import { type MetadataStandIn, startMetadataStandIn } from '../../testing/aws/metadata.ts';
import { useAwsByName } from '../../testing/operator/aws-by-name.ts';
import { CLUSTER_PATH, GOOD_KEY, NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from './manifests.ts';
import { FORMS, REGION, type RegistryForm } from './registry-forms.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const AUDIENCE = 'sts.amazonaws.com';
const POD_ROLE = 'arn:aws:iam::777788889999:role/pods/puller';
const HOP_ROLE = 'arn:aws:iam::444455556666:role/ecr';
const EXTERNAL_ID = 'the-external-id';
const SESSION_KEY = {
  accessKeyId: 'ASIATESTSESSION00001',
  secretAccessKey: 'ThisIsTheSecretOfASessionThatIsNoneAtAll',
  sessionToken: 'a-session-token-of-the-tests-that-is-long-enough-to-be-looked-for',
  accountId: '222233334444',
  principal: 'arn:aws:sts::222233334444:assumed-role/node/i-0',
};
const NODE = 'arn:aws:sts::222233334444:assumed-role/node';
const USER = 'arn:aws:iam::111122223333:user/test';
const POD = 'arn:aws:sts::777788889999:assumed-role/puller';
const HOP = 'arn:aws:sts::444455556666:assumed-role/ecr';

interface Source {
  readonly access: object;
  /** The signer of the calls, without the name of the session. */
  readonly principal: string;
  /** Whether the operator gets the keys by exchanging a token at STS. */
  readonly exchanges?: true;
  /** What the status says of the operator's own identity. */
  readonly ambientSource?: string;
  /** Of the cluster kind, with this environment of the operator. */
  readonly env?: () => NodeJS.ProcessEnv;
}

describe('identities and registries', () => {
  const world = useWorld('by name');
  const aws = useAwsByName(world);
  const folder = mkdtempSync(join(tmpdir(), 'identities-'));
  let metadata: MetadataStandIn;
  let namespace = '';

  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const tokenOf = async (account: string): Promise<string> => {
    const spec = { audiences: [AUDIENCE], expirationSeconds: 600 };
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    return (await world.api.must('POST', path, body)).status.token;
  };

  before(async () => {
    namespace = await world.api.createNamespace();
    metadata = await startMetadataStandIn();
    metadata.setKeys({ ...SESSION_KEY, expiresAt: plus(systemClock.now(), HOUR) });
    metadata.setAgentToken('the-agent-token');
    world.aws.addKey(SESSION_KEY);
    world.aws.addIdentityProvider({ issuer: ISSUER, jwks: await world.api.must('GET', '/openid/v1/jwks') });
    const subject = `system:serviceaccount:${namespace}:puller`;
    const trusts = [{ op: 'webIdentity', issuer: ISSUER, subject, audience: AUDIENCE }] as const;
    world.aws.addRole({ arn: POD_ROLE, trusts });
    const accounts = ['111122223333', '222233334444', '777788889999'];
    world.aws.addRole({
      arn: HOP_ROLE,
      trusts: accounts.map((accountId) => ({ op: 'account', accountId, externalId: EXTERNAL_ID })),
    });
    const annotations = { 'eks.amazonaws.com/role-arn': POD_ROLE };
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'puller', annotations } };
    await world.api.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, account);
    const secret = (name: string, stringData: object): Promise<unknown> =>
      world.api.must('POST', SECRET_PATH(namespace), {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name },
        stringData,
      });
    const { accessKeyId, secretAccessKey } = GOOD_KEY;
    await secret('aws-keys', { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
    const { accessKeyId: id, secretAccessKey: key, sessionToken: token } = SESSION_KEY;
    await secret('session', { id, key, token });
    file('web-identity', await tokenOf('puller'));
    file('agent', 'the-agent-token');
    file('config', `[profile ci]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`);
  });
  after(async () => {
    await metadata.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const SOURCES: Readonly<Record<string, Source>> = {
    'inline keys': {
      access: { accessKeyId: GOOD_KEY.accessKeyId, secretAccessKey: GOOD_KEY.secretAccessKey },
      principal: USER,
    },
    'a secret with keys': { access: { secretRef: { name: 'aws-keys' } }, principal: USER },
    'a secret with a session token, under other names': {
      access: {
        secretRef: { name: 'session', keys: { accessKeyId: 'id', secretAccessKey: 'key', sessionToken: 'token' } },
      },
      principal: NODE,
    },
    'a service account and a role': {
      access: { serviceAccountRef: { name: 'puller', roleArn: POD_ROLE } },
      principal: POD,
      exchanges: true,
    },
    'a service account with the annotation of EKS': {
      access: { serviceAccountRef: { name: 'puller' } },
      principal: POD,
      exchanges: true,
    },
    "the operator's own environment": {
      access: { ambient: {} },
      ambientSource: 'environment',
      principal: USER,
      env: () => ({ AWS_ACCESS_KEY_ID: GOOD_KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: GOOD_KEY.secretAccessKey }),
    },
    "the operator's own web identity (IRSA)": {
      access: { ambient: {} },
      ambientSource: 'web identity',
      principal: POD,
      exchanges: true,
      env: () => ({ AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'web-identity'), AWS_ROLE_ARN: POD_ROLE }),
    },
    "the operator's own Pod Identity": {
      access: { ambient: {} },
      ambientSource: 'container',
      principal: NODE,
      env: () => ({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: metadata.agentUrl,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(folder, 'agent'),
      }),
    },
    "the operator's own instance role": {
      access: { ambient: {} },
      ambientSource: 'instance role',
      principal: NODE,
      env: () => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.instanceUrl }),
    },
    "the operator's own shared configuration": {
      access: { ambient: {} },
      ambientSource: 'shared config',
      principal: USER,
      env: () => ({ AWS_CONFIG_FILE: join(folder, 'config'), AWS_PROFILE: 'ci' }),
    },
  };

  /** The calls of all forms together: shared ones are made once. */
  const expectedCalls = ({ principal, exchanges }: Source): readonly string[] => {
    const calls = Object.values(FORMS).flatMap(({ sts, asked }) => [
      ...asked.flatMap((host) => [principal, HOP].map((who) => `GetAuthorizationToken at ${host} by ${who}`)),
      `AssumeRole at ${sts} by ${principal}`,
      ...(exchanges ? [`AssumeRoleWithWebIdentity at ${sts} by nobody`] : []),
    ]);
    return [...new Set(calls)].sort();
  };
  const told = ({ operation, host, principal }: AwsCall): string =>
    `${operation} at ${host} by ${principal?.replace(/(assumed-role\/[^/]+)\/.*/, '$1') ?? 'nobody'}`;

  const checkSecret = async (name: string, account: string, { opened }: RegistryForm): Promise<void> => {
    const { data } = await world.api.must('GET', SECRET_PATH(namespace, name));
    const { auths } = JSON.parse(Buffer.from(data['.dockerconfigjson'], 'base64').toString()) as {
      auths: Record<string, { password: string }>;
    };
    const owners = Object.entries(auths).map(
      ([host, { password }]) => [host, world.aws.isValidToken(password)] as const,
    );
    const wanted = Object.entries(opened).flatMap(([region, hosts]) =>
      hosts.map((host) => `${host.replace('ACCOUNT', account)} by ${region === 'public' ? 'us-east-1' : region}`),
    );
    assert.deepEqual(owners.map(([host, owner]) => `${host} by ${owner?.region}`).sort(), wanted.sort(), name);
    for (const [host, owner] of owners) assert.equal(owner?.accountId, account, host);
  };

  for (const [index, [name, source]] of Object.entries(SOURCES).entries()) {
    const isCluster = source.env !== undefined;
    const path = (object: string): string => (isCluster ? CLUSTER_PATH(object) : NAMESPACED_PATH(namespace, object));
    const cases = Object.entries(FORMS).flatMap(([form, wanted]) =>
      [false, true].map((hop) => ({ object: `s${index}-${form}${hop ? '-hop' : ''}`, wanted, hop })),
    );

    const create = async ({ object, wanted, hop }: (typeof cases)[number]): Promise<void> => {
      const role = hop ? { assumeRole: { roleArn: HOP_ROLE, externalId: EXTERNAL_ID } } : {};
      const awsAccess = { region: REGION, ...source.access, ...role, ...wanted.access };
      const spec = { awsAccess, secretName: object, registries: wanted.registries };
      if (isCluster) await createClusterPullSecret(world.api, object, { ...spec, namespaces: [namespace] });
      else await createPullSecret(world.api, namespace, object, spec);
      const { logins } = await world.ready(path(object), 30_000);
      for (const login of logins ?? []) assert.equal(login.ambientSource, source.ambientSource);
    };

    test(`${name}: the calls of every form, with and without a further role, and what they open`, async () => {
      world.aws.clearLog();
      const operator = await world.startOperator(aws.surroundings(source.env?.()));
      try {
        await Promise.all(cases.map(create));
        assert.deepEqual(world.aws.requests.map(told).sort(), expectedCalls(source));
        for (const { operation, sessionName } of world.aws.requests)
          if (operation === 'AssumeRole')
            assert.equal(sessionName, 'serviceAccountRef' in source.access ? `ecr-${namespace}-puller` : OPERATOR_NAME);
        const account = source.principal.split(':')[4] ?? '';
        for (const { object, wanted, hop } of cases) await checkSecret(object, hop ? '444455556666' : account, wanted);
      } finally {
        await operator.stop();
        for (const { object } of cases) await world.api.send('DELETE', path(object));
      }
    });
  }
});
