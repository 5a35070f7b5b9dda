// Covers the reading of a bundle of certificate authorities from another source.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { readBundle } from './authorities.ts';

const ours = makeAuthority().certificate;
const other = makeAuthority().certificate;
const broken = other.replace(/\n[A-Za-z0-9+/=]{40,}\n/, '\nAAAA!!!!not base64\n');
const names = (text: string): readonly string[] =>
  readBundle(text).usable.map((pem) => new X509Certificate(pem).fingerprint256);
const [OURS, OTHER] = [ours, other].map((pem) => new X509Certificate(pem).fingerprint256);

describe('a bundle', () => {
  const rows: Readonly<Record<string, readonly [string, readonly (string | undefined)[]]>> = {
    'gives its certificates in order': [`${other}${ours}`, [OTHER, OURS]],
    'may have lines that end in CR LF': [ours.replaceAll('\n', '\r\n'), [OURS]],
    'may begin with a mark of its encoding': [`\ufeff${ours}`, [OURS]],
    'may have comments between them': [`# a\n${other}\n\n# subject=x\n${ours}`, [OTHER, OURS]],
    'need not have a line feed between two': [`${other.trimEnd()}${ours}`, [OTHER, OURS]],
    'may have two in one line, indented': [`${other.trimEnd()}${ours}`.replaceAll(/^/gm, '\t'), [OTHER, OURS]],
    'may be indented': [ours.replaceAll(/^/gm, '    '), [OURS]],
    'may call them trusted': [ours.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'), [OURS]],
    'loses one that is broken, before ours or behind it': [`${broken}\n${ours}\n${broken}`, [OURS]],
    'gives none twice': [`${ours}${ours}`, [OURS]],
    'of something else gives none': ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', []],
    'that is empty gives none': ['', []],
  };
  for (const [outcome, [text, want]] of Object.entries(rows)) test(outcome, () => assert.deepEqual(names(text), want));

  const numbers: Readonly<Record<string, readonly [text: string, broken: readonly number[], count: number]>> = {
    'counts its certificates': [`${ours}${other}`, [], 2],
    'tells the numbers of those that are broken': [`${broken}${ours}${broken}`, [1, 3], 3],
    'has one that does not end, and tells it': [`${ours.slice(0, 200)}\n${other}`, [1], 2],
    'has one that ends in the middle of a line': [ours.slice(0, -60), [1], 1],
    'has one that is a private key by its content': [ours.replace(/\n[^-]+\n/, '\nAAAA\n'), [1], 1],
    'has none': ['', [], 0],
  };
  for (const [outcome, [text, wanted, count]] of Object.entries(numbers))
    test(outcome, () => {
      const bundle = readBundle(text);
      assert.deepEqual([bundle.broken, bundle.count], [wanted, count]);
    });
});
