// Covers `.dockerconfigjson`: what is written reads back the same, or not at all.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  array,
  assert as assertProperty,
  constantFrom,
  integer,
  property,
  record,
  shuffledSubarray,
  string,
  uniqueArray,
} from 'fast-check';
import { after, base64, login } from '../../testing/rigs/builders.ts';
import { dockerConfigBytes, hostsIn, makeDockerConfig, readDockerConfig } from './docker-config.ts';

const entryOf = (username: string, password: string): object => ({
  username,
  password,
  auth: base64(`${username}:${password}`),
});

describe('a docker config', () => {
  test('holds user name, password and their auth for every host, hosts sorted', () => {
    const one = login('eu-west-1', { hosts: ['c.example', 'a.example'], password: 'p1' });
    const other = login('us-east-1', { hosts: ['b.example'], password: 'p2' });
    const text = makeDockerConfig([one, other]);
    assert.deepEqual(JSON.parse(text), {
      auths: {
        'a.example': entryOf('AWS', 'p1'),
        'b.example': entryOf('AWS', 'p2'),
        'c.example': entryOf('AWS', 'p1'),
      },
    });
    assert.ok(text.indexOf('a.example') < text.indexOf('b.example') && text.indexOf('b.example') < text.indexOf('c.e'));
  });

  test('gives a host that two logins open the one that ends later', () => {
    const hosts = ['a.example'];
    const short = login('eu-west-1', { hosts, password: 'short', expiresAt: after(1) });
    const long = login('us-east-1', { hosts, password: 'long', expiresAt: after(2) });
    for (const logins of [
      [short, long],
      [long, short],
    ]) {
      assert.deepEqual(JSON.parse(makeDockerConfig(logins)), { auths: { 'a.example': entryOf('AWS', 'long') } });
    }
  });

  test('is the same text whatever the order of the logins', () => {
    const hosts = ['a.example', 'b.example', '__proto__'];
    const logins = uniqueArray(
      record({
        hosts: shuffledSubarray(hosts, { minLength: 1 }),
        password: string({ minLength: 1 }),
        expiresAt: integer({ min: 1, max: 2 }).map((length) => after(length)),
      }).map((over) => login('eu-west-1', { ...over, digest: `sha256:${over.password}` })),
      { minLength: 1, selector: ({ digest }) => digest },
    );
    assertProperty(
      property(logins, (some) => {
        assert.equal(makeDockerConfig(some.toReversed()), makeDockerConfig(some));
      }),
    );
  });

  test('reads back as it was written, whatever user name, password and host', () => {
    const text = string({ unit: 'binary', minLength: 1 });
    assertProperty(
      property(text, text, constantFrom('a.example', '__proto__', 'constructor', '10'), (username, password, host) => {
        const written = makeDockerConfig([login('eu-west-1', { username, password, hosts: [host] })]);
        assert.deepEqual([...readDockerConfig(base64(written))], [[host, { username, password }]]);
      }),
    );
  });
});

describe('a docker config that the operator did not write', () => {
  const rows: Readonly<Record<string, { content: string; want?: readonly string[] }>> = {
    'is empty for no content': { content: '' },
    'is empty for text that is not base64': { content: '%%%' },
    'is empty for text that is not JSON': { content: base64('{"auths": {') },
    'is empty for null': { content: base64('null') },
    'is empty for a list': { content: base64('[1, 2]') },
    'is empty without auths': { content: base64('{"credHelpers": {}}') },
    'is empty for auths that are a list': { content: base64('{"auths": ["a"]}') },
    'is empty for bytes that are not UTF-8': { content: Buffer.from([0xff, 0xfe, 0x7b]).toString('base64') },
    'leaves out an entry without a password': {
      content: base64('{"auths": {"a": {"username": "AWS"}, "b": {"username": "AWS", "password": "p"}}}'),
      want: ['b'],
    },
    'leaves out entries of other shapes': {
      content: base64('{"auths": {"a": null, "b": 1, "c": {"username": 1, "password": 2}, "d": {"auth": "QTpC"}}}'),
    },
    'takes a host called __proto__ for a host': {
      content: base64('{"auths": {"__proto__": {"username": "AWS", "password": "p"}}}'),
      want: ['__proto__'],
    },
  };
  for (const [outcome, { content, want = [] }] of Object.entries(rows)) {
    test(outcome, () => assert.deepEqual([...readDockerConfig(content).keys()], want));
  }

  test('never causes an error', () => {
    assertProperty(
      property(string(), array(string()), (text, parts) => {
        readDockerConfig(text);
        readDockerConfig(base64(JSON.stringify({ auths: parts })));
      }),
    );
  });
});

test('the hosts in a docker config are found whatever their entries look like, and none in what is no docker config', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  assert.deepEqual(hostsIn(base64('{"auths":{"a":{"auth":"eDp5"},"b":{},"__proto__":null}}')), ['a', 'b', '__proto__']);
  assert.deepEqual(hostsIn(base64('{"auths":{}}')), []);
  for (const text of ['null', '{}', '[]', '{"auths":["a"]}', 'no json', ''])
    assert.equal(hostsIn(base64(text)), undefined);
});

test('the hosts of a docker config are unknown when the kubelet reads more out of it than one parser', () => {
  for (const text of [
    '{"auths":{"ours":{}},"AUTHS":{"more":{}}}',
    '{"auths":{"more":{}},"auths":{"ours":{}}}',
    '{"auths":{"ours":{}},"auth\u017f":{"more":{}}}',
    '{"auths":{"ours":{}},"auth\\u017f":{"more":{}}}',
    '{"auths":{"ours":{}},"\\u0061uths":{"more":{}}}',
    '{"Auths":{"more":{}}}',
  ])
    assert.equal(hostsIn(base64(text)), undefined, text);
});

describe('the size of a docker config', () => {
  test('is never more than its upper bound, nor much less', () => {
    assertProperty(
      property(
        string({ unit: 'grapheme', minLength: 1, maxLength: 3_000 }),
        uniqueArray(constantFrom('a.example', 'b.example', 'c.example'), { minLength: 1 }),
        (password, hosts) => {
          const logins = [login('eu-west-1', { hosts, password }), login('us-east-1', { hosts: ['d.example'] })];
          const size = Buffer.byteLength(makeDockerConfig(logins));
          const bound = dockerConfigBytes(logins);
          assert.ok(size <= bound && bound <= size + 64 * (hosts.length + 2), `${size} ${bound}`);
        },
      ),
    );
  });
});
