// Covers the certificates of the webhook: made by the library, read by Node's parser and, as a second opinion, openssl.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeSelfSigned, makeAuthority as makeTestAuthority, makeWeakPair } from '../../testing/network/self-signed.ts';
import { type DurationMs, type EpochMs, HOUR, MINUTE, plus } from '../lib/time.ts';
import {
  AUTHORITY_NAME,
  certificatesIn,
  isDue,
  isGood,
  type KeyPair,
  readAuthority,
  readKeyPair,
  renewalTime,
  trusted,
} from './certificate.ts';
import { LEAF_LIFE, makeAuthority, signLeaf } from './sign.ts';

const DAY = 24 * HOUR;
const NOW = 1_790_000_000_000 as EpochMs;
const NAMES = ['webhook.system.svc', 'webhook.system.svc.cluster.local', '127.0.0.1', '::1'];
const later = (length: number): EpochMs => plus(NOW, length as DurationMs);

describe('an authority and its leaf', () => {
  let authority: KeyPair;
  let leaf: KeyPair;
  let folder = '';
  before(async () => {
    authority = await makeAuthority(NOW);
    leaf = await signLeaf(authority, NAMES, NOW);
    folder = mkdtempSync(join(tmpdir(), 'pki-'));
    writeFileSync(join(folder, 'ca.crt'), authority.certificate);
    writeFileSync(join(folder, 'leaf.crt'), leaf.certificate);
  });
  after(() => rmSync(folder, { recursive: true }));

  const openssl = (...args: readonly string[]): string =>
    execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  const verify = (host: readonly string[], time: EpochMs): string =>
    openssl(
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-attime',
      String(Math.floor(time / 1_000)),
      ...host,
      '-CAfile',
      'ca.crt',
      'leaf.crt',
    );

  test('pass the strict checks of openssl, for each name and address', () => {
    for (const host of [
      ['-verify_hostname', 'webhook.system.svc'],
      ['-verify_ip', '127.0.0.1'],
      ['-verify_ip', '::1'],
    ])
      assert.match(verify(host, NOW), /leaf\.crt: OK/);
    assert.throws(() => verify(['-verify_hostname', 'other.system.svc'], NOW), /hostname mismatch/i);
  });

  test('say what they are for, and nothing more', () => {
    const text = openssl('x509', '-in', 'leaf.crt', '-noout', '-text');
    assert.match(text, /CA:FALSE/);
    assert.match(text, /TLS Web Server Authentication/);
    const ca = openssl('x509', '-in', 'ca.crt', '-noout', '-text');
    assert.match(ca, /CA:TRUE, pathlen:0/);
    assert.match(ca, /Certificate Sign, CRL Sign/);
  });

  test('are good from an hour ago, for 365 and for 7 days', () => {
    for (const [pair, life] of [
      [authority, 365 * DAY],
      [leaf, 7 * DAY],
    ] as const) {
      assert.equal(pair.notBefore, NOW - HOUR);
      assert.equal(pair.notAfter, NOW - HOUR + life);
      assert.ok(!isGood(pair, later(-1 * HOUR - 1)));
      assert.ok(isGood(pair, NOW));
      assert.ok(!isGood(pair, pair.notAfter));
    }
    assert.match(verify([], later(-59 * MINUTE)), /OK/);
    assert.throws(() => verify([], later(-1 * HOUR - MINUTE)), /not yet valid/);
    assert.throws(() => verify([], later(8 * DAY)), /expired/);
  });

  test('are due when a third of their life is left, and when the clock says that they are not good yet', () => {
    const at = renewalTime(leaf);
    assert.equal(at, leaf.notAfter - (7 * DAY) / 3);
    assert.ok(!isDue(leaf, (at - 1) as EpochMs));
    assert.ok(isDue(leaf, at));
    assert.ok(isDue(leaf, later(-2 * HOUR)));
  });

  test('have serial numbers and keys of their own each time', async () => {
    const other = await signLeaf(authority, NAMES, NOW);
    const numbers = [leaf, other, authority].map(({ certificate }) => new X509Certificate(certificate).serialNumber);
    assert.equal(new Set(numbers).size, 3);
    assert.notEqual(other.key, leaf.key);
  });

  test('read back as they were made', () => {
    assert.deepEqual(readAuthority(authority.certificate, authority.key), authority);
    assert.deepEqual(readKeyPair(leaf.certificate, leaf.key), leaf);
  });

  test('are not signed with when broken, of another, or no authority', () => {
    const foreign = makeTestAuthority();
    const selfSigned = makeSelfSigned();
    const weak = makeWeakPair(AUTHORITY_NAME);
    openssl('ecparam', '-genkey', '-name', 'secp384r1', '-noout', '-out', 'curve.key');
    const made = ['-key', 'curve.key', '-subj', `/CN=${AUTHORITY_NAME}`, '-out', 'curve.crt', '-days', '30'];
    openssl('req', '-x509', ...made);
    const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
    const otherCurve = { certificate: read('curve.crt'), key: read('curve.key') };
    const cases: readonly (readonly [certificate: string, key: string, why: RegExp])[] = [
      ['', authority.key, /no certificate/],
      ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', authority.key, /no certificate/],
      [authority.certificate, '', /no private key/],
      [authority.certificate, authority.key.slice(0, 60), /no private key/],
      [authority.certificate, leaf.key, /does not belong/],
      [leaf.certificate, leaf.key, /did not make/],
      [selfSigned.certificate, selfSigned.key, /did not make/],
      [foreign.certificate, leaf.key, /does not belong/],
      [weak.certificate, weak.key, /TLS refuses/],
      [otherCurve.certificate, otherCurve.key, /of another kind/],
      [
        `${authority.certificate}${authority.certificate.slice(0, 200)}\n-----END CERTIFICATE-----\n`,
        authority.key,
        /TLS refuses/,
      ],
    ];
    for (const [certificate, key, why] of cases) {
      const refused = readAuthority(certificate, key);
      assert.match(typeof refused === 'string' ? refused : 'was taken', why);
    }
  });
});

describe('what clients trust', () => {
  test('is the old authority beside the new one, until no leaf of the old one can be left', async () => {
    const old = await makeAuthority(later(-250 * DAY));
    const next = await makeAuthority(NOW);
    const both = [next.certificate, old.certificate];
    assert.deepEqual(trusted(both, LEAF_LIFE, NOW), both);
    assert.deepEqual(trusted(both, LEAF_LIFE, later(13 * DAY)), both);
    assert.deepEqual(trusted(both, LEAF_LIFE, later(15 * DAY)), [next.certificate]);
    assert.deepEqual(trusted([next.certificate, ...both], LEAF_LIFE, NOW), both);
  });

  test('is never an old authority that has ended', async () => {
    const ended = await makeAuthority(later(-400 * DAY));
    const next = await makeAuthority(NOW);
    assert.deepEqual(trusted([next.certificate, ended.certificate], LEAF_LIFE, NOW), [next.certificate]);
    assert.deepEqual(trusted([], LEAF_LIFE, NOW), []);
  });

  test('is found in a text with several certificates', async () => {
    const { certificate } = await makeAuthority(NOW);
    assert.deepEqual(certificatesIn(`${certificate}# note\n${certificate}`), [certificate, certificate]);
    assert.deepEqual(certificatesIn('nothing'), []);
  });
});
