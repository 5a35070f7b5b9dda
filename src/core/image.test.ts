// Covers how the name of an image, the hosts of ECR, a key of a docker config and the kubelet's words are read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, integer, property } from 'fast-check';
import { START } from '../../testing/rigs/builders.ts';
import { SECOND } from '../lib/time.ts';
import { opens } from './docker-keyring.ts';
import { ecrHost, isPublicEcr, parseImage } from './image.ts';
import { waitsStill } from './kubelet-wait.ts';
import { pullAnswer } from './pull-answer.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

test('host and repository of an image are those that the kubelet pulls from', () => {
  const sha = `sha256:${'0'.repeat(64)}`;
  const rows = {
    nginx: ['docker.io', 'library/nginx', 'latest'],
    'team/app:1': ['docker.io', 'team/app', '1'],
    'localhost/app': ['localhost', 'app', 'latest'],
    'REGISTRY/app': ['REGISTRY', 'app', 'latest'],
    'registry:5000/app:1': ['registry:5000', 'app', '1'],
    [`${HOST}/team/app:1.0`]: [HOST, 'team/app', '1.0'],
    [`${HOST}/app@${sha}`]: [HOST, 'app', sha],
    [`${HOST}/app:1@${sha}`]: [HOST, 'app', sha],
    '': ['docker.io', 'library/', 'latest'],
  };
  for (const [image, [host, repository, reference]] of Object.entries(rows))
    assert.deepEqual(parseImage(image), { host, repository, reference }, image);
});

test('private registries of every partition are known by their host', () => {
  for (const [host, region] of [
    [HOST, 'eu-west-1'],
    ['111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['111122223333.dkr-ecr.eu-west-1.on.aws', 'eu-west-1'],
    ['111122223333.dkr-ecr-fips.us-east-1.on.aws', 'us-east-1'],
    ['111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu', 'eusc-de-east-1'],
  ] as const)
    assert.deepEqual(ecrHost(host), { account: '111122223333', region }, host);
  for (const host of ['docker.io', `x${HOST}`, `${HOST}.example.com`, 'public.ecr.aws'])
    assert.equal(ecrHost(host), undefined, host);
  assert.deepEqual(['public.ecr.aws', HOST].map(isPublicEcr), [true, false]);
});

test('a key of a docker config opens what the kubelet finds by it', () => {
  const image = parseImage(`${HOST}/team/app:1`);
  const rows: Readonly<Record<string, boolean>> = {
    [HOST]: true,
    [`https://${HOST}`]: true,
    [`https://${HOST}/v2/`]: true,
    [`${HOST}/team`]: true,
    [`${HOST}/other`]: false,
    [`${HOST}:443`]: false,
    '*.dkr.ecr.eu-west-1.amazonaws.com': true,
    '11112222333?.dkr.ecr.eu-*-1.amazonaws.com': true,
    '1*3*.dkr.ecr.eu-west-1.amazonaws.com': true,
    '1*4.dkr.ecr.eu-west-1.amazonaws.com': false,
    '*.amazonaws.com': false,
    '2*.dkr.ecr.eu-west-1.amazonaws.com': false,
    '11112222333.dkr.ecr.eu-west-1.amazonaws.com': false,
    '': false,
  };
  for (const [key, isOpened] of Object.entries(rows)) assert.equal(opens(key, image), isOpened, key);
  assert.equal(opens(HOST, { host: '', repository: '', reference: '' }), false);
});

test('a key of stars is read in time that does not explode', () => {
  const key = `${'*a'.repeat(5_000)}.io`;
  assert.equal(opens(key, { host: `${'a'.repeat(10_000)}b.io`, repository: 'x', reference: 'y' }), false);
});

test("the registry's answer is known by the kubelet's words", () => {
  const rows = {
    'denied: Your authorization token has expired. Reauthenticate and try again.': 'ended',
    'pull access denied: no basic auth credentials': 'anonymous',
    'unexpected status: 429 Too Many Requests': 'throttled',
    'dial tcp: lookup 1.dkr.ecr.eu-west-1.amazonaws.com: no such host': 'unreachable',
    'unexpected status from HEAD request to https://h/v2/a/manifests/1: 403 Forbidden': 'refused',
    'pull access denied, repository does not exist or may require authorization: authorization failed': 'refused',
    'failed to resolve reference "h/a:1": h/a:1: not found': 'missing',
    'Back-off pulling image "h/a:1"': 'none',
  };
  for (const [message, answer] of Object.entries(rows)) assert.equal(pullAnswer(message), answer, message);
});

test('the kubelet waits twice as long after each pull, 300 s at most, and never less than nothing', () => {
  const waits = [1, 2, 3, 5, 6, 7, 50].map((count) => waitsStill({ count, lastAt: START }, START) / SECOND);
  assert.deepEqual(waits, [10, 20, 40, 160, 300, 300, 300]);
  assert.equal(waitsStill({ count: 1, lastAt: START }, (START + 60_000) as typeof START), 0);
  check(property(integer({ min: 0, max: 1e9 }), (count) => waitsStill({ count, lastAt: START }, START) <= 300_000));
});
