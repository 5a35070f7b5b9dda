// Drives the stand-in's STS and ECR Public with the real SDK clients: who may assume a role, and what its keys may do.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { ECRPUBLICClient, GetAuthorizationTokenCommand as PublicCommand } from '@aws-sdk/client-ecr-public';
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts';
import { type DurationMs, HOUR, SECOND } from '../../src/lib/time.ts';
import type { AwsStandIn } from './aws-stand-in.ts';
import type { AwsKey } from './iam.ts';
import { KEY, named, passwordOf, withStandIn } from './stand-in-world.ts';

const ROLE = 'arn:aws:iam::444455556666:role/path/puller';
const ISSUER = 'https://issuer.example.com';
const SUBJECT = 'system:serviceaccount:shop:puller';

const configOf = (standIn: AwsStandIn, credentials: object = KEY) => ({
  region: 'eu-west-1',
  endpoint: standIn.url,
  credentials: credentials as AwsKey,
  maxAttempts: 1,
});

async function assume(standIn: AwsStandIn, over: Partial<AssumeRoleCommandInput> = {}, credentials: object = KEY) {
  const client = new STSClient(configOf(standIn, credentials));
  const command = new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'a-session', ...over });
  const { Credentials } = await client.send(command);
  return {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretAccessKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
    expiration: Credentials?.Expiration,
  };
}

describe('AssumeRole', () => {
  test('gives keys of the account of the role, which are good for an hour, to an account that it trusts', () =>
    withStandIn(async ({ standIn, clock }) => {
      standIn.addRole({ arn: ROLE, trusts: [{ op: 'account', accountId: KEY.accountId }] });
      const keys = await assume(standIn);
      assert.equal(keys.expiration?.getTime(), Math.floor((clock.now() + HOUR) / 1_000) * 1_000);
      const ecr = new ECRClient(configOf(standIn, keys));
      const password = passwordOf(await ecr.send(new GetAuthorizationTokenCommand({})));
      assert.equal(standIn.isValidToken(password)?.accountId, '444455556666');
      const { Arn } = await new STSClient(configOf(standIn, keys)).send(new GetCallerIdentityCommand({}));
      assert.equal(Arn, 'arn:aws:sts::444455556666:assumed-role/puller/a-session');
      const [call] = standIn.requests;
      assert.deepEqual([call?.operation, call?.service, call?.roleArn], ['AssumeRole', 'sts', ROLE]);
    }));

  test('denies an account that is not trusted, a missing role, and another external id', () =>
    withStandIn(async ({ standIn }) => {
      await assert.rejects(assume(standIn), named('AccessDenied'));
      standIn.addRole({ arn: ROLE, trusts: [{ op: 'account', accountId: '999988887777' }] });
      await assert.rejects(assume(standIn), {
        message: `User: arn:aws:iam::123456789012:user/test is not authorized to perform: sts:AssumeRole on resource: ${ROLE}`,
      });
      standIn.addRole({ arn: ROLE, trusts: [{ op: 'account', accountId: KEY.accountId, externalId: 'mine' }] });
      await assert.rejects(assume(standIn), named('AccessDenied'));
      await assert.rejects(assume(standIn, { ExternalId: 'yours' }), named('AccessDenied'));
      assert.ok(await assume(standIn, { ExternalId: 'mine' }));
    }));

  test("refuses a wrong signature and an unknown key under STS's own names", () =>
    withStandIn(async ({ standIn }) => {
      const wrong = { ...KEY, secretAccessKey: 'wrong' };
      await assert.rejects(assume(standIn, {}, wrong), named('SignatureDoesNotMatch'));
      const unknown = { ...KEY, accessKeyId: 'AKIAUNKNOWN000000001' };
      await assert.rejects(assume(standIn, {}, unknown), named('InvalidClientTokenId'));
      await assert.rejects(assume(standIn, { RoleSessionName: 'a session' }), named('ValidationError'));
    }));

  test('suffers planned faults as the other services do', () =>
    withStandIn(async ({ standIn }) => {
      standIn.faults.failNext(1, { op: 'error', status: 400, code: 'PackedPolicyTooLarge', message: 'too large' });
      await assert.rejects(assume(standIn), { message: 'too large' });
    }));
});

describe('AssumeRoleWithWebIdentity', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256' }] };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tokenOf = (claims: object, key = privateKey): string => {
    const text = `${encode({ alg: 'ES256', kid: 'one' })}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };
  /** Read when a token is made: this file is loaded long before its tests run. */
  const endsIn = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;
  const good = () => ({ iss: ISSUER, sub: SUBJECT, aud: ['sts.amazonaws.com'], exp: endsIn(600) });

  const exchange = async (standIn: AwsStandIn, token: string): Promise<string> => {
    const client = new STSClient(configOf(standIn));
    const input = { RoleArn: ROLE, RoleSessionName: 'a-session', WebIdentityToken: token };
    return (await client.send(new AssumeRoleWithWebIdentityCommand(input))).Credentials?.AccessKeyId ?? '';
  };
  const prepare = (standIn: AwsStandIn): void => {
    standIn.addIdentityProvider({ issuer: ISSUER, jwks });
    const trust = { op: 'webIdentity', issuer: ISSUER, subject: SUBJECT, audience: 'sts.amazonaws.com' } as const;
    standIn.addRole({ arn: ROLE, trusts: [trust] });
  };

  test('gives keys for a token of a registered issuer whose subject and audience are trusted', () =>
    withStandIn(async ({ standIn }) => {
      prepare(standIn);
      assert.match(await exchange(standIn, tokenOf(good())), /^ASIA[0-9A-F]{16}$/);
    }));

  const bad: Readonly<Record<string, readonly [token: () => string, error: string]>> = {
    'of another ServiceAccount': [
      () => tokenOf({ ...good(), sub: 'system:serviceaccount:other:puller' }),
      'AccessDenied',
    ],
    'for another audience': [() => tokenOf({ ...good(), aud: 'kubernetes' }), 'AccessDenied'],
    'of an issuer that is not registered': [
      () => tokenOf({ ...good(), iss: 'https://other.example.com' }),
      'InvalidIdentityTokenException',
    ],
    'that another key signed': [
      () => tokenOf(good(), generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      'InvalidIdentityTokenException',
    ],
    'that has ended': [() => tokenOf({ ...good(), exp: endsIn(-3_000) }), 'ExpiredTokenException'],
    'without an end': [() => tokenOf({ ...good(), exp: undefined }), 'ExpiredTokenException'],
    'that is none': [() => 'not.a.token', 'InvalidIdentityTokenException'],
  };
  for (const [what, [token, error]] of Object.entries(bad)) {
    test(`refuses a token ${what}`, () =>
      withStandIn(async ({ standIn }) => {
        prepare(standIn);
        await assert.rejects(exchange(standIn, token()), named(error));
      }));
  }
});

describe('ECR Public', () => {
  const ask = (standIn: AwsStandIn, region: string) =>
    new ECRPUBLICClient({ ...configOf(standIn), region }).send(new PublicCommand({}));

  test('gives a token in us-east-1 only', () =>
    withStandIn(async ({ standIn, clock }) => {
      const { authorizationData } = await ask(standIn, 'us-east-1');
      assert.equal(authorizationData?.expiresAt?.getTime(), clock.now() + 12 * HOUR);
      await assert.rejects(ask(standIn, 'eu-west-1'), named('UnsupportedCommandException'));
      assert.deepEqual(
        standIn.requests.map(({ service }) => service),
        ['ecr-public', 'ecr-public'],
      );
    }));

  test('wants the right to a bearer token as well', () =>
    withStandIn(async ({ standIn }) => {
      standIn.addKey({ ...KEY, mayNot: ['sts:GetServiceBearerToken'] });
      await assert.rejects(ask(standIn, 'us-east-1'), /is not authorized to perform: sts:GetServiceBearerToken/);
    }));
});

test('keys of a role are good for their own time, also when the key they were had with is gone', () =>
  withStandIn(async ({ standIn, clock }) => {
    standIn.addRole({ arn: ROLE, trusts: [{ op: 'account', accountId: KEY.accountId }], sessionLifeMs: 20 * SECOND });
    const keys = await assume(standIn);
    standIn.removeKey(KEY.accessKeyId);
    await clock.advance(SECOND);
    const ecr = new ECRClient(configOf(standIn, keys));
    assert.ok(passwordOf(await ecr.send(new GetAuthorizationTokenCommand({}))));
    await clock.advance((19 * SECOND) as DurationMs);
    await assert.rejects(ecr.send(new GetAuthorizationTokenCommand({})), named('ExpiredTokenException'));
  }));
