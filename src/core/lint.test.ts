// Covers what is said of an object in a file; that it agrees with a real API server: test/contract/lint.test.ts.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { spec } from '../../testing/rigs/builders.ts';
import { makeCrds } from '../api/crd.ts';
import { API_VERSION, CLUSTER_KIND, GROUP, LEGACY_KIND, NAMESPACED_KIND } from '../api/names.ts';
import type { JsonRecord } from '../lib/json.ts';
import { lintObject, specSchemas } from './lint.ts';
import { schemaFaults } from './schema-check.ts';

const SCHEMAS = specSchemas(makeCrds());

const REFERENCE = { secretRef: { name: 'keys' } };
const object = (over: JsonRecord = {}): JsonRecord => ({
  apiVersion: API_VERSION,
  kind: NAMESPACED_KIND,
  metadata: { name: 'a' },
  spec: spec({}, REFERENCE),
  ...over,
});

/** `path message` of each fault, then of each warning. */
function said(raw: JsonRecord): readonly string[] | undefined {
  const linted = lintObject(raw, SCHEMAS);
  if (!linted) return undefined;
  return [...linted.faults, ...linted.warnings].map(({ path, message }) => `${path.join('.')} ${message}`);
}

describe('an object in a file', () => {
  test('that is good has no fault, and one of another group is none of ours', () => {
    assert.deepEqual(said(object()), []);
    assert.deepEqual([said({ apiVersion: 'v1', kind: 'Secret' }), said({})], [undefined, undefined]);
  });

  test('of a kind or version that is not served is told so', () => {
    assert.match(String(said(object({ kind: 'AWSECRSecret' }))), /^kind is no kind of the operator/);
    assert.match(String(said(object({ kind: undefined }))), /^kind is no kind of the operator/);
    assert.match(String(said(object({ apiVersion: `${GROUP}/v1` }))), /^apiVersion must be .*\/v1alpha2$/);
    assert.match(String(said(object({ apiVersion: `${GROUP}/v1alpha1`, kind: LEGACY_KIND }))), /^kind is deprecated/);
  });

  test('needs a name that an object can have', () => {
    assert.deepEqual(said(object({ metadata: {} })), ['metadata.name is missing']);
    const unquoted = 'is no text for YAML: put it in quotes';
    assert.deepEqual(said(object({ metadata: { name: true } })), [`metadata.name ${unquoted}`]);
    assert.deepEqual(said(object({ metadata: { generateName: 12 } })), [`metadata.generateName ${unquoted}`]);
    assert.deepEqual(said(object({ metadata: { name: 'A' } })), ['metadata.name is no name that an object can have']);
    assert.deepEqual(said(object({ metadata: { generateName: 'a-' } })), []);
    assert.equal(said(object({ metadata: { generateName: 'a'.repeat(254) } }))?.length, 1);
  });

  test('is told each fault of its spec at its place', () => {
    const wanted = {
      awsAccess: { region: 7, secretref: {}, secretRef: { name: 'keys' } },
      secretName: 'Not-This',
      registries: { regions: [], accounts: ['1'], hosts: [null], public: 'yes' },
      other: 1,
      secretTemplate: null,
    };
    const all = said(object({ spec: wanted }));
    for (const line of [
      'spec.awsAccess.region is of type integer, and must be of type string',
      'spec.awsAccess.secretref is no field here; it is written secretRef',
      'spec.registries.accounts.0 must be the 12 digits of an AWS account, such as "111122223333", or "*"',
      'spec.registries.hosts.0 is of type null, and must be of type string',
      'spec.registries.public is of type string, and must be of type boolean',
      'spec.other is no field here',
    ])
      assert.ok(all?.includes(line), `${line}: ${all?.join('\n')}`);
    assert.ok(all?.some((line) => line.startsWith('spec.secretName must be a name that a Secret can have')));
    assert.deepEqual(said(object({ spec: { awsAccess: { region: 'eu-west-1', ...REFERENCE } } })), [
      'spec.secretName is missing',
    ]);
    assert.match(String(said(object({ spec: undefined }))), /^spec is of type null/);
    assert.match(String(said(object({ spec: [] }))), /^spec is of type array/);
  });

  test('is told what only the operator checks, and where', () => {
    const both = spec({}, { ...REFERENCE, serviceAccountRef: { name: 'puller' } });
    assert.match(String(said(object({ spec: both }))), /^spec\.awsAccess has more than one identity/);
    const fips = spec({ registries: { public: true } }, { ...REFERENCE, useFipsEndpoint: true });
    assert.match(String(said(object({ spec: fips }))), /^spec\.registries\.public ECR Public has no FIPS endpoint/);
    const label = spec({ secretTemplate: { labels: { 'a b': 'c' } } }, REFERENCE);
    assert.match(String(said(object({ spec: label }))), /^spec\.secretTemplate/);
  });

  test('of the cluster kind is told of a star, of a namespace of its own, and that it wants nothing', () => {
    const kind = CLUSTER_KIND;
    const starred = spec({ namespaces: ['a', '*'], excludeNamespaces: ['*'] }, REFERENCE);
    assert.deepEqual(
      said(object({ kind, spec: starred }))?.map((line) => line.split(' ')[0]),
      ['spec.namespaces.1', 'spec.excludeNamespaces.0'],
    );
    assert.deepEqual(said(object({ kind, metadata: { name: 'a', namespace: 'b' } })), [
      'metadata.namespace is ignored: this kind has no namespace',
      'spec names no namespace and selects none: no Secret is written',
    ]);
  });

  test('is warned of keys in its spec', () => {
    assert.match(String(said(object({ spec: spec() }))), /^spec\.awsAccess\.secretAccessKey stands in the file/);
  });
});

describe('a schema', () => {
  const words = (value: unknown, schema: JsonRecord): readonly string[] =>
    schemaFaults(value, schema, []).map(({ message }) => message);

  test('bounds texts, lists and maps', () => {
    assert.match(String(words('', { type: 'string', minLength: 1 })), /has 0 characters, and must have 1 or more/);
    assert.match(String(words('ab', { type: 'string', maxLength: 1 })), /has 2 characters, and may have 1/);
    assert.match(String(words('a', { type: 'string', enum: ['b', 'c'] })), /must be one of b, c/);
    assert.deepEqual(words('b', { type: 'string', enum: ['b'] }), []);
    assert.match(String(words([], { type: 'array', minItems: 1 })), /has 0 items, and must have 1 or more/);
    assert.match(String(words([1, 2], { type: 'array', maxItems: 1 })), /has 2 items, and may have 1/);
    assert.match(String(words({ a: 1 }, { type: 'object', maxProperties: 0 })), /has 1 keys, and may have 0/);
    assert.deepEqual(words({ a: 'x' }, { type: 'object', additionalProperties: { type: 'string' } }), []);
    assert.deepEqual([words(1.5, { type: 'number' }), words(true, { type: 'boolean' })], [[], []]);
  });

  test('looks at patterns, leaves other rules to the API server, and does not tell one fault twice', () => {
    const pattern = { rule: "self.size() > 3 || self.matches(r'^a+$')", message: 'must be of a' };
    const schema = {
      type: 'string',
      maxLength: 3,
      'x-kubernetes-validations': [pattern, { rule: 'self == oldSelf' }, {}],
    };
    assert.deepEqual([words('b', schema), words('aa', schema)], [['must be of a'], []]);
    assert.equal(words('bbbb', schema).length, 1);
  });

  test('tells fifty faults at most', () => {
    const many = Array.from({ length: 100 }, () => 1);
    assert.equal(schemaFaults(many, { type: 'array', items: { type: 'string' } }, []).length, 50);
  });
});
