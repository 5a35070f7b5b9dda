// Covers what an object asks registries, whom the operator asks with which login, and what the condition says.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hostOf, login } from '../../testing/rigs/builders.ts';
import { HOUR, MINUTE } from '../lib/time.ts';
import {
  isVerdict,
  judgeProbe,
  NO_SUCH_TAG,
  type ProbeAnswer,
  type ProbeWish,
  parseProbe,
  probeQuestions,
} from './probe.ts';
import type { ExtraHosts } from './registries.ts';

const read = (probe: unknown) => parseProbe({ probe });
const wish = (...repositories: readonly string[]): ProbeWish => {
  const parsed = read({ repositories });
  return typeof parsed === 'object' ? parsed : assert.fail(parsed);
};
const IRELAND = hostOf('eu-west-1');

describe('spec.probe', () => {
  test('absent asks nothing', () => assert.equal(parseProbe({}), undefined));
  test('names repositories, with or without host and tag, every hour', () => {
    assert.deepEqual(read({ repositories: ['team/app:1.0', 'app', `${IRELAND}/team/app`, 'app', 'app:latest'] }), {
      interval: HOUR,
      targets: [
        { host: IRELAND, repository: 'team/app', reference: NO_SUCH_TAG },
        { host: undefined, repository: 'app', reference: NO_SUCH_TAG },
        { host: undefined, repository: 'app', reference: 'latest' },
        { host: undefined, repository: 'team/app', reference: '1.0' },
      ],
    });
  });
  test('says how often', () => {
    for (const [interval, length] of [
      ['5m', 5 * MINUTE],
      ['90m', 90 * MINUTE],
      ['24h', 24 * HOUR],
    ] as const) {
      const parsed = read({ repositories: ['a'], interval });
      assert.equal(typeof parsed === 'object' && parsed.interval, length);
    }
  });
  for (const [value, problem] of [
    ['team/app', /^spec\.probe is not an object/],
    [{}, /is not a list of 1 to 16/],
    [{ repositories: 'a' }, /is not a list of 1 to 16/],
    [{ repositories: [] }, /is not a list of 1 to 16/],
    [{ repositories: [1] }, /is not a list of 1 to 16/],
    [{ repositories: Array.from({ length: 17 }, (_, at) => `a${at}`) }, /is not a list of 1 to 16/],
    [{ repositories: ['Team'] }, /Team is no repository/],
    [{ repositories: ['a/../b'] }, /is no repository/],
    [{ repositories: ['a?b'] }, /is no repository/],
    [{ repositories: ['a:b:c'] }, /is no repository/],
    [{ repositories: ['/a'] }, /is no repository/],
    [{ repositories: [`a/${'b'.repeat(600)}`] }, /is no repository/],
    [{ repositories: ['docker-hub/library/nginx'] }, /pull-through cache/],
    [{ repositories: [`${IRELAND}/quay/app`] }, /pull-through cache/],
    [{ repositories: ['a'], interval: 60 }, /interval is not a time from 5m to 24h/],
    [{ repositories: ['a'], interval: '4m' }, /interval is not a time/],
    [{ repositories: ['a'], interval: '25h' }, /interval is not a time/],
  ] as const) {
    test(`cannot be ${JSON.stringify(value).slice(0, 60)}`, () => {
      const parsed = read(value);
      assert.ok(typeof parsed === 'string', JSON.stringify(parsed));
      assert.match(parsed, problem);
    });
  }
  test('may be a repository that is only called as a cache is', () => {
    assert.equal(wish('quay').targets.length, 1);
  });
});

describe('the questions', () => {
  const NONE: ExtraHosts = { accounts: [], hosts: [], region: 'eu-west-1' };
  const logins = [login('eu-west-1'), login('us-east-1')];
  const registries = ['eu-west-1', 'us-east-1'].map(
    (region) => ({ registry: region, kind: 'private', region }) as const,
  );
  const asked = (probe: ProbeWish, extra: ExtraHosts = NONE, held = logins) =>
    probeQuestions(probe, { logins: held, extra, registries }).map((one) =>
      'login' in one ? [one.host, one.login.registry] : one.op,
    );

  test('go to the registry of the own region, or to the one that is named, with its own login', () => {
    assert.deepEqual(asked(wish('app', `${hostOf('us-east-1')}/app`)), [
      [hostOf('us-east-1'), 'us-east-1'],
      [IRELAND, 'eu-west-1'],
    ]);
  });
  test('go to other accounts that the object names, one by one or all', () => {
    const other = '444455556666.dkr.ecr.us-east-1.amazonaws.com';
    assert.deepEqual(asked(wish(`${other}/app`)), ['not opened']);
    for (const accounts of [['444455556666'], ['*']])
      assert.deepEqual(asked(wish(`${other}/app`), { ...NONE, accounts }), [[other, 'us-east-1']]);
  });
  test('never go to a host that only the object names, or that only looks like one of ECR', () => {
    const hosts = ['registry.example.com', 'a.dkr.ecr.eu-west-1.amazonaws.com', '1.dkr.ecr.eu-west-1.evil.com'];
    for (const host of hosts)
      assert.deepEqual(asked(wish(`${host}/app`), { ...NONE, hosts: [host], accounts: ['*'] }), ['not opened'], host);
  });
  test('wait for the login of their registry, where the object wants it', () => {
    const targets = wish('app', `${hostOf('us-east-1')}/app`, `${hostOf('ap-south-1')}/app`);
    assert.deepEqual(asked(targets, NONE, [login('us-east-1')]), [
      'not opened',
      [hostOf('us-east-1'), 'us-east-1'],
      'no login',
    ]);
    assert.deepEqual(asked(targets, NONE, [login('eu-west-1')])[1], 'no login');
  });
});

describe('the condition Pullable', () => {
  const said = (status: number, code = '', message = ''): ProbeAnswer => ({
    op: 'answered',
    words: { status, code, message },
  });
  const missing = said(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
  for (const [answers, status, reason, message] of [
    [[missing, said(200)], 'True', 'Pullable', /^the registry lets this login pull from a, b:1$/],
    [
      [said(200), missing],
      'False',
      'ImageNotFound',
      /^b:1: 404 MANIFEST_UNKNOWN .*: pulling is allowed, and there is no image/,
    ],
    [[{ op: 'no login' }, said(200)], 'Unknown', 'NoLogin', /^a: there is no login to ask with/],
    [
      [said(403, 'DENIED'), missing],
      'False',
      'PullDenied',
      /^a: 403 DENIED: the AWS identity may log in, and not pull/,
    ],
    [[said(429), said(403)], 'False', 'PullDenied', /^b:1: 403: .*; and 1 more$/],
    [[said(200), said(404, 'NAME_UNKNOWN', 'no')], 'False', 'RepositoryNotFound', /^b:1: 404 NAME_UNKNOWN no: /],
    [[said(401), said(200)], 'False', 'LoginRefused', /^a: 401: the registry does not take the login/],
    [[said(500), said(200)], 'Unknown', 'UnexpectedAnswer', /^a: 500: /],
    [
      [{ op: 'unreachable', message: 'ECONNREFUSED' }, said(200)],
      'Unknown',
      'RegistryUnreachable',
      /^a: could not be asked: ECONNREFUSED \(docs\/network\.md\)$/,
    ],
    [
      [{ op: 'not opened' }, said(200)],
      'False',
      'RegistryNotOpened',
      /^a: no login of this object opens that registry/,
    ],
    [[said(200)], 'False', 'RegistryNotOpened', /^b:1: /],
  ] as const) {
    test(`is ${status}, ${reason}: ${message.source}`, () => {
      const verdict = judgeProbe(wish('a', 'b:1'), answers);
      assert.deepEqual([verdict.type, verdict.status, verdict.reason], ['Pullable', status, reason]);
      assert.match(verdict.message, message);
    });
  }
  test('has a verdict only where the registry has spoken of the login', () => {
    const answers = [said(200), said(403), missing, said(429), said(500), { op: 'unreachable', message: '' }] as const;
    assert.deepEqual(answers.map(isVerdict), [true, true, true, false, false, false]);
  });
  test('names the host where the object does', () => {
    assert.match(judgeProbe(wish(`${IRELAND}/a`), [said(200)]).message, new RegExp(`from ${IRELAND}/a$`));
  });
});
