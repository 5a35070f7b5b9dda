// Covers how the keys of roles are requested: which objects share them, and when they are requested again.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock, settle } from '../../../testing/clocks/manual-clock.ts';
import { KEY_ID, pullSecret, SECRET_KEY, START } from '../../../testing/rigs/builders.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../../api/names.ts';
import type { AmbientIdentity } from '../../aws/ambient.ts';
import type { Endpoints } from '../../aws/calls.ts';
import type { StsClient, TemporaryKeys } from '../../aws/sts-client.ts';
import { LoginError } from '../../aws/token-cache.ts';
import { parseWish } from '../../core/resource.ts';
import { apiErrorFrom } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/client.ts';
import { Failure } from '../../lib/errors.ts';
import { identityKey } from '../../lib/identity-key.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { HOUR, plus, SECOND } from '../../lib/time.ts';
import { type CredentialResolver, createCredentialResolver } from './credentials.ts';
import type { KeySource } from './key-source.ts';

const ROLE = 'arn:aws:iam::444455556666:role/ecr';
const INLINE = { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY };
const SERVICE_ACCOUNT = { serviceAccountRef: { name: 'puller', roleArn: ROLE } };
const { signal } = new AbortController();

let clock: ManualClock;
let resolver: CredentialResolver;
/** Each request is that of an object of its own. */
let objects: number;
/** The requests to AWS, each with its endpoint. */
let asked: string[];
/** Every request for a token of a ServiceAccount fails like this. */
let refusal: Error | undefined;

beforeEach(() => {
  clock = createManualClock(START);
  asked = [];
  objects = 0;
  refusal = undefined;
  /** An outage of the FIPS endpoint. */
  const answer = (what: string, { useFips, useDualstack }: Endpoints): Promise<TemporaryKeys> => {
    asked.push(`${what}${useFips ? ' fips' : ''}${useDualstack ? ' dualstack' : ''}`);
    if (useFips) throw new Failure({ next: 'backoff', reason: 'AWSUnreachable', message: 'ENOTFOUND sts-fips' });
    return Promise.resolve({ ...INLINE, sessionToken: `${asked.length}`, expiresAt: plus(clock.now(), HOUR) });
  };
  const client: Pick<KubeClient, 'requestToken' | 'find'> = {
    find: (_resource, namespace, name) =>
      Promise.resolve({ metadata: { namespace, name, uid: 'uid-of-the-account', resourceVersion: '1' } }),
    async requestToken() {
      asked.push('token');
      await Promise.resolve();
      if (refusal) throw refusal;
      return 'a-token';
    },
  };
  const sts: StsClient = {
    assumeRole: async (request) => await answer('role', request),
    assumeRoleWithToken: async (request) => await answer('exchange', request),
  };
  const ambient: AmbientIdentity = {
    source: 'container',
    identity: identityKey('ambient', { source: 'container', variables: '[]' }),
    keys: async (endpoints) => await answer('ambient', endpoints),
  };
  resolver = createCredentialResolver({
    client,
    sts,
    ambient,
    clock,
    random: () => 1,
    operatorNamespace: 'operator',
    wake: () => true,
    signal,
    tokenAudienceProblem: undefined,
  });
});

async function resolve(awsAccess: JsonRecord): Promise<{ readonly keys: KeySource; readonly identity: string }> {
  const kind = 'ambient' in awsAccess ? CLUSTER_KIND : NAMESPACED_KIND;
  objects += 1;
  const built = pullSecret(kind, { awsAccess: { region: 'eu-west-1', ...awsAccess }, secretName: 'ecr-login' });
  const object = { ...built, uid: `uid-${objects}` };
  const wish = parseWish(object);
  assert.ok(typeof wish !== 'string');
  // The operator reads the referenced object between two attempts.
  resolver.resolve(object, wish.access);
  await settle();
  const resolved = resolver.resolve(object, wish.access);
  assert.ok(resolved?.ok);
  return resolved;
}

/** Requests keys that AWS refuses, and returns the time until the next request is allowed. */
async function refused(keys: KeySource): Promise<number> {
  const thrown: unknown = await keys.get(signal).then(
    () => assert.fail('there were keys'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof LoginError);
  return thrown.retryAt - clock.now();
}

describe('a request for a token that the API server refuses for a second', () => {
  test('is made again after that second, also where another role is taken with it', async () => {
    refusal = apiErrorFrom(429, {}, '1');
    const { keys } = await resolve({ ...SERVICE_ACCOUNT, assumeRole: { roleArn: `${ROLE}-2` } });
    assert.equal(await refused(keys), SECOND);
    refusal = undefined;
    await clock.advance(SECOND);
    await keys.get(signal);
    assert.deepEqual(asked, ['token', 'token', 'exchange', 'role']);
  });
});

describe('keys of a role', () => {
  const sources: Readonly<Record<string, JsonRecord>> = {
    'taken with a pair': { ...INLINE, assumeRole: { roleArn: ROLE } },
    'taken with a token of a service account': SERVICE_ACCOUNT,
    "of the operator's own": { ambient: {} },
  };
  for (const [source, access] of Object.entries(sources)) {
    test(`${source} come from one endpoint: an outage of it affects no other`, async () => {
      const plain = await resolve(access);
      const fips = await resolve({ ...access, useFipsEndpoint: true });
      const dualstack = await resolve({ ...access, useDualstackEndpoint: true });
      assert.equal(new Set([plain, fips, dualstack].map(({ identity }) => identity)).size, 3);
      await refused(fips.keys);
      const [one, other] = [await plain.keys.get(signal), await dualstack.keys.get(signal)];
      assert.notEqual(one.sessionToken, other.sessionToken);
      await clock.advance(SECOND);
      assert.ok((await refused(fips.keys)) > 0, 'and does not sign with the session of another');
      assert.equal(await (await resolve(access)).keys.get(signal), one);
    });
  }
});
