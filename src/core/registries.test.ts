// Covers which registries a spec asks for, and the further hosts in its pull secret.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, constantFrom, property, subarray } from 'fast-check';
import { regionsOfSdk } from '../../testing/aws/partitions.ts';
import { hostOf, json, login } from '../../testing/rigs/builders.ts';
import type { JsonRecord } from '../lib/json.ts';
import { type ExtraHosts, isRegion, parseRegistries, withExtraHosts } from './registries.ts';

const REGION = 'eu-west-1';
const parse = (registries: unknown): ReturnType<typeof parseRegistries> => parseRegistries({ registries }, REGION);

describe('registries', () => {
  test('are that of the region alone, unless more are asked for', () => {
    for (const spec of [{}, { registries: {} }, { registries: { public: false, regions: [] } }] as JsonRecord[]) {
      assert.deepEqual(parseRegistries(spec, REGION), {
        registries: [{ registry: REGION, kind: 'private', region: REGION }],
        extra: { accounts: [], hosts: [], region: REGION },
      });
    }
  });

  test('of several regions and the public one are sorted, each once', () => {
    const wanted = parse({ regions: ['us-east-1', REGION, 'us-east-1', 'ap-south-1'], public: true });
    assert.ok(typeof wanted !== 'string');
    assert.deepEqual(
      wanted.registries.map(({ registry, kind, region }) => [registry, kind, region]),
      [
        ['ap-south-1', 'private', 'ap-south-1'],
        [REGION, 'private', REGION],
        ['us-east-1', 'private', 'us-east-1'],
        ['public', 'public', 'us-east-1'],
      ],
    );
  });

  for (const [what, registries, words] of [
    [
      'a region that is none',
      { regions: [REGION, 'nowhere'] },
      /^spec\.registries\.regions\[1\] is not the name of an AWS/,
    ],
    ['a region that is a host', { regions: ['evil.example.com/#-1'] }, /^spec\.registries\.regions\[0\]/],
    ['regions that are no list', { regions: REGION }, /^spec\.registries\.regions is not a list of 40 at most/],
    [
      'too many regions',
      { regions: Array.from({ length: 41 }, (_, n) => `eu-west-${n}`) },
      /regions is not a list of 40/,
    ],
    [
      'an account of eleven digits',
      { accounts: ['12345678901'] },
      /^spec\.registries\.accounts\[0\] is not the twelve/,
    ],
    ['an account that is a number', { accounts: [111_122_223_333] }, /^spec\.registries\.accounts\[0\]/],
    ['a host with a scheme', { hosts: ['https://a.example.com'] }, /^spec\.registries\.hosts\[0\] is not a host name/],
    ['a host with a path', { hosts: ['a.example.com/x'] }, /hosts\[0\]/],
    ['a host with a user', { hosts: ['me@a.example.com'] }, /hosts\[0\]/],
    ['a star with two labels behind it', { hosts: ['*.example.com'] }, /hosts\[0\] is not .* first label may be \*/],
    ['a star within a host', { hosts: ['a.*.b.example.com'] }, /hosts\[0\]/],
    ['a star in a label', { hosts: ['a*.b.example.com'] }, /hosts\[0\]/],
    ['two stars', { hosts: ['*.*.b.example.com'] }, /hosts\[0\]/],
    ['nothing but a star', { hosts: ['*'] }, /hosts\[0\]/],
    ['part of an account and a star', { accounts: ['1111*'] }, /^spec\.registries\.accounts\[0\] is not the twelve/],
    ['a host of one word', { hosts: ['localhost'] }, /hosts\[0\]/],
    ['a host called like a prototype', { hosts: ['__proto__'] }, /hosts\[0\]/],
    ['a host of 254 characters', { hosts: [`${'a.'.repeat(126)}ab`] }, /hosts\[0\]/],
  ] as const) {
    test(`with ${what} are refused by the name of the field`, () => {
      const answer = parse(registries);
      assert.ok(typeof answer === 'string');
      assert.match(answer, words);
    });
  }

  test('in any region that the SDK knows can be asked for', async () => {
    const regions = await regionsOfSdk();
    for (const region of regions) assert.ok(isRegion(region), region);
    assert.ok(typeof parse({ regions: regions.slice(0, 40) }) !== 'string');
  });

  test('whose names reach for prototypes gain nothing by them', () => {
    const wanted = parse(json('{"__proto__": {"public": true, "regions": ["us-east-1"]}}'));
    assert.ok(typeof wanted !== 'string');
    assert.equal(wanted.registries.length, 1);
  });
});

describe('further hosts', () => {
  const extra = (over: Partial<ExtraHosts>): ExtraHosts => ({ accounts: [], hosts: [], region: REGION, ...over });
  const hostsOf = (logins: Parameters<typeof withExtraHosts>[0], over: Partial<ExtraHosts>): readonly string[][] =>
    withExtraHosts(logins, extra(over)).map(({ hosts }) => [...hosts]);

  test('of accounts are added in every region, in the form that the login has', () => {
    const dual = { ...login('us-east-1'), hosts: ['111122223333.dkr-ecr-fips.us-east-1.on.aws'] };
    assert.deepEqual(hostsOf([login(REGION), dual], { accounts: ['444455556666'] }), [
      [hostOf(REGION), '444455556666.dkr.ecr.eu-west-1.amazonaws.com'],
      ['111122223333.dkr-ecr-fips.us-east-1.on.aws', '444455556666.dkr-ecr-fips.us-east-1.on.aws'],
    ]);
  });

  test('of every account are added as the kubelet reads it, beside those by number', () => {
    const dual = { ...login('us-east-1'), hosts: ['111122223333.dkr-ecr-fips.us-east-1.on.aws'] };
    const china = { ...login('cn-north-1'), hosts: ['111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn'] };
    assert.deepEqual(hostsOf([login(REGION), dual, china], { accounts: ['*', '444455556666'] }), [
      ['*.dkr.ecr.eu-west-1.amazonaws.com', hostOf(REGION), '444455556666.dkr.ecr.eu-west-1.amazonaws.com'],
      [
        '*.dkr-ecr-fips.us-east-1.on.aws',
        '111122223333.dkr-ecr-fips.us-east-1.on.aws',
        '444455556666.dkr-ecr-fips.us-east-1.on.aws',
      ],
      [
        '*.dkr.ecr.cn-north-1.amazonaws.com.cn',
        '111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn',
        '444455556666.dkr.ecr.cn-north-1.amazonaws.com.cn',
      ],
    ]);
    const star = '*.registry.example.com:8443';
    const wanted = parse({ hosts: [star, '*.dkr.ecr.eu-west-1.amazonaws.com'] });
    assert.ok(typeof wanted !== 'string');
    assert.ok(wanted.extra.hosts.includes(star));
  });

  test('of every account stay with the login of their region, though another one names them', () => {
    const wide = { accounts: ['*'], hosts: ['*.dkr.ecr.us-east-1.amazonaws.com', '*.other.example.com'] };
    assert.deepEqual(hostsOf([login(REGION), login('us-east-1')], wide), [
      ['*.dkr.ecr.eu-west-1.amazonaws.com', '*.other.example.com', hostOf(REGION)],
      ['*.dkr.ecr.us-east-1.amazonaws.com', hostOf('us-east-1')],
    ]);
  });

  test('are not added to the public registry', () => {
    const open = { ...login('public'), hosts: ['public.ecr.aws'] };
    assert.deepEqual(hostsOf([open], { accounts: ['444455556666'], hosts: ['a.example.com'] }), [['public.ecr.aws']]);
  });

  test('by name belong to the region of the access', () => {
    assert.deepEqual(hostsOf([login(REGION), login('us-east-1')], { hosts: ['a.example.com:8443'] }), [
      [hostOf(REGION), 'a.example.com:8443'],
      [hostOf('us-east-1')],
    ]);
  });

  test('never take a host from the login that names it, and are each there once', () => {
    const names = [hostOf(REGION), hostOf('us-east-1'), 'a.example.com'];
    assertProperty(
      property(
        subarray(names),
        subarray(['111122223333', '444455556666']),
        constantFrom(REGION, 'us-east-1'),
        (hosts, accounts, region) => {
          const logins = [login(REGION), login('us-east-1')];
          const [one, two] = withExtraHosts(logins, { hosts, accounts, region });
          assert.ok(one && two);
          const all = [...one.hosts, ...two.hosts];
          assert.equal(new Set(all).size, all.length);
          assert.ok(one.hosts.includes(hostOf(REGION)) && two.hosts.includes(hostOf('us-east-1')));
        },
      ),
    );
  });
});
