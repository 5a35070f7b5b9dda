// Drives the stand-in with the real SDK client, as the operator does; plain fetch sends only what the SDK could not.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type ECRClientConfig, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';

import { type DurationMs, type EpochMs, HOUR, MINUTE, plus, SECOND } from '../../src/lib/time.ts';
import type { AwsCall } from './call-log.ts';
import type { AwsKey } from './iam.ts';
import { clientOf, KEY, named, passwordOf, withCredentials, withStandIn } from './stand-in-world.ts';

test('the stand-in gives a good key a token that decodes, for the account of the key and the region of the scope', () =>
  withStandIn(async ({ standIn, clock, send }) => {
    const answer = await send();
    const [data, ...rest] = answer.authorizationData ?? [];
    assert.equal(rest.length, 0);
    assert.equal(data?.proxyEndpoint, 'https://123456789012.dkr.ecr.eu-west-1.amazonaws.com');
    assert.equal(data?.expiresAt?.getTime(), clock.now() + 12 * HOUR);
    const password = passwordOf(answer);
    assert.ok(password.length >= 1_800 && password.length <= 2_400, `${password.length} characters`);
    const inner = JSON.parse(Buffer.from(password, 'base64').toString()) as Record<string, unknown>;
    assert.deepEqual(Object.keys(inner), ['payload', 'datakey', 'version', 'type', 'expiration']);
    assert.equal(inner['expiration'], Math.floor((clock.now() + 12 * HOUR) / 1_000));
    assert.deepEqual(standIn.isValidToken(password), {
      accountId: KEY.accountId,
      region: 'eu-west-1',
      expiresAt: clock.now() + 12 * HOUR,
    });
  }));

test('the stand-in gives every call a token of its own, in the partition of the region, and keeps the older ones good until they end', () =>
  withStandIn(async ({ standIn, clock, send }) => {
    const old = passwordOf(await send());
    await clock.advance(MINUTE);
    const answer = await send({ region: 'cn-north-1' });
    assert.equal(
      answer.authorizationData?.[0]?.proxyEndpoint,
      'https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn',
    );
    const young = passwordOf(answer);
    assert.notEqual(old, young);
    assert.equal(standIn.issued, 2);
    assert.equal(standIn.isValidToken(young)?.region, 'cn-north-1');
    await clock.advance((12 * HOUR - MINUTE) as DurationMs);
    assert.equal(standIn.isValidToken(old), undefined);
    assert.ok(standIn.isValidToken(young));
    assert.equal(standIn.isValidToken(`${young.slice(0, -1)}#`), undefined);
  }));

test('the stand-in changes the life of later tokens only', () =>
  withStandIn(async ({ standIn, clock, send }) => {
    const long = passwordOf(await send());
    standIn.setTokenLife(20 * SECOND);
    const short = passwordOf(await send());
    await clock.advance(SECOND);
    assert.ok(standIn.isValidToken(short));
    await clock.advance((19 * SECOND) as DurationMs);
    assert.equal(standIn.isValidToken(short), undefined);
    assert.ok(standIn.isValidToken(long));
    assert.throws(() => standIn.setTokenLife(Number.NaN), RangeError);
  }));

interface Refused {
  readonly given: ECRClientConfig;
  readonly keys?: readonly AwsKey[];
  readonly want: string;
}

const ALIVE: AwsKey = { ...KEY, sessionToken: 'session-token-of-the-test', expiresAt: 8.64e15 as EpochMs };

const REFUSED: Readonly<Record<string, Refused>> = {
  'a wrong secret': { given: withCredentials({ secretAccessKey: 'wrong' }), want: 'InvalidSignatureException' },
  'an unknown key': {
    given: withCredentials({ accessKeyId: 'AKIAUNKNOWN000000001' }),
    want: 'UnrecognizedClientException',
  },
  'a temporary key without its session token': { given: {}, keys: [ALIVE], want: 'UnrecognizedClientException' },
  'a temporary key whose life is over': {
    given: withCredentials({ sessionToken: 'session-token-of-the-test' }),
    keys: [{ ...ALIVE, expiresAt: 0 as EpochMs }],
    want: 'ExpiredTokenException',
  },
  'a key without the permission': {
    given: {},
    keys: [{ ...KEY, allowed: false }],
    want: 'AccessDeniedException',
  },
};

for (const [name, { given, keys = [], want }] of Object.entries(REFUSED)) {
  test(`the stand-in refuses ${name} with ${want} and issues no token`, () =>
    withStandIn(async ({ standIn, send }) => {
      for (const key of keys) standIn.addKey(key);
      await assert.rejects(send(given), named(want));
      assert.equal(standIn.issued, 0);
      assert.deepEqual(
        standIn.requests.map(({ status, errorCode }) => ({ status, errorCode })),
        [{ status: 400, errorCode: want }],
      );
    }));
}

test('the stand-in accepts a temporary key with its session token', () =>
  withStandIn(async ({ standIn, send }) => {
    standIn.addKey(ALIVE);
    assert.ok(passwordOf(await send({ credentials: ALIVE })));
  }));

test('the stand-in says who may not do what when a key lacks the permission', () =>
  withStandIn(async ({ standIn, send }) => {
    standIn.addKey({ ...KEY, allowed: false });
    await assert.rejects(send(), {
      message:
        'User: arn:aws:iam::123456789012:user/test is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action',
    });
  }));

test('the stand-in refuses a removed key, while its tokens stay good', () =>
  withStandIn(async ({ standIn, send }) => {
    const password = passwordOf(await send());
    standIn.removeKey(KEY.accessKeyId);
    await assert.rejects(send(), named('UnrecognizedClientException'));
    assert.ok(standIn.isValidToken(password));
  }));

for (const byMs of [6 * MINUTE, -6 * MINUTE]) {
  test(`the stand-in refuses a caller whose clock is ${-byMs / MINUTE} minutes off, until the Date header has corrected it`, () =>
    withStandIn(async ({ standIn, clock }) => {
      clock.jump(byMs);
      const client = clientOf(standIn, {});
      const command = new GetAuthorizationTokenCommand({});
      await assert.rejects(client.send(command), named('InvalidSignatureException'));
      assert.ok(await client.send(command));
      client.destroy();
    }));
}

test('the stand-in counts calls and holds no secret, session token or registry token in the log', () =>
  withStandIn(async ({ standIn, send, clock }) => {
    standIn.addKey(ALIVE);
    const answer = await send({ credentials: ALIVE, region: 'us-east-2' });
    // Swapped by mistake, as users do: the secret arrives as the ID.
    const swapped = { accessKeyId: KEY.secretAccessKey, secretAccessKey: KEY.accessKeyId };
    await assert.rejects(send({ credentials: swapped }));
    assert.equal(standIn.calls(), 2);
    assert.equal(
      standIn.calls(({ status }) => status === 200),
      1,
    );
    const [first, second] = standIn.requests;
    assert.deepEqual({ ...first, userAgent: '' }, {
      at: clock.now(),
      operation: 'GetAuthorizationToken',
      host: new URL(standIn.url).host,
      accessKeyId: KEY.accessKeyId,
      region: 'us-east-2',
      service: 'ecr',
      userAgent: '',
      principal: 'arn:aws:iam::123456789012:user/test',
      status: 200,
      tokenExpiresAt: plus(clock.now(), (12 * HOUR) as DurationMs),
    } satisfies AwsCall);
    assert.match(first?.userAgent ?? '', /^aws-sdk-js\//);
    assert.equal(second?.accessKeyId, '(malformed)');
    const log = JSON.stringify(standIn.requests);
    const token = answer.authorizationData?.[0]?.authorizationToken ?? '';
    for (const secret of [KEY.secretAccessKey, ALIVE.sessionToken ?? '', passwordOf(answer), token])
      assert.ok(secret !== '' && !log.includes(secret));
    standIn.clearLog();
    assert.equal(standIn.calls(), 0);
  }));

test('the stand-in names a registry per asked registry ID, all with one token', () =>
  withStandIn(async ({ standIn }) => {
    const client = clientOf(standIn, {});
    const answer = await client.send(
      new GetAuthorizationTokenCommand({ registryIds: ['111111111111', '222222222222'] }),
    );
    assert.deepEqual(
      answer.authorizationData?.map((data) => data.proxyEndpoint),
      ['https://111111111111.dkr.ecr.eu-west-1.amazonaws.com', 'https://222222222222.dkr.ecr.eu-west-1.amazonaws.com'],
    );
    assert.equal(standIn.issued, 1);
    const bad = client.send(new GetAuthorizationTokenCommand({ registryIds: ['x'] }));
    await assert.rejects(bad, named('InvalidParameterException'));
    client.destroy();
  }));

async function post(url: string, headers: Record<string, string>, body = '{}'): Promise<readonly [number, unknown]> {
  const response = await fetch(url, { method: 'POST', headers, body });
  const { __type: code } = (await response.json()) as { __type: string };
  return [response.status, code];
}

test('the stand-in refuses what is not a signed AWS JSON 1.1 call of a known operation', () =>
  withStandIn(async ({ standIn }) => {
    const json = { 'content-type': 'application/x-amz-json-1.1' };
    const good = { ...json, 'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken' };
    const other = { ...json, 'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.ListImages' };
    assert.deepEqual(await post(standIn.url, good), [400, 'MissingAuthenticationTokenException']);
    assert.deepEqual(await post(standIn.url, other), [400, 'UnknownOperationException']);
    assert.deepEqual(await post(`${standIn.url}/path`, good), [400, 'UnknownOperationException']);
    assert.deepEqual(await post(standIn.url, { ...good, 'content-type': 'text/plain' }), [
      400,
      'UnknownOperationException',
    ]);
    assert.deepEqual(await post(standIn.url, good, 'x'.repeat(65_537)), [413, 'RequestEntityTooLargeException']);
  }));
