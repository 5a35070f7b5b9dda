// Covers the CRDs: their order and names, what of the Go project's API must stay, and the operator's own bounds.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRecord, type JsonRecord, listOf, recordOf } from '../lib/json.ts';
import { makeCrds } from './crd.ts';

/** The part of a value at a path of names and indices; an empty record if absent. */
function at(value: unknown, ...path: readonly (string | number)[]): JsonRecord {
  let part: unknown = value;
  for (const name of path) part = typeof name === 'number' ? listOf(part)[name] : recordOf(part)[name];
  return recordOf(part);
}

const crds = makeCrds();
const [namespaced, cluster, legacy] = crds;
const schemaOf = (crd: unknown, ...path: readonly string[]): JsonRecord =>
  at(crd, 'spec', 'versions', 0, 'schema', 'openAPIV3Schema', ...path.flatMap((name) => ['properties', name]));

/** Every node of a schema, with its path. */
function* nodes(node: JsonRecord, path: string): Iterable<readonly [string, JsonRecord]> {
  yield [path, node];
  for (const [name, child] of Object.entries(recordOf(node['properties'])))
    yield* nodes(recordOf(child), `${path}.${name}`);
  for (const name of ['items', 'additionalProperties']) {
    if (isRecord(node[name])) yield* nodes(recordOf(node[name]), `${path}[]`);
  }
}

describe('the CRDs', () => {
  test('are the two kinds and then the deprecated one, under the names of the Go project', () => {
    const summary = crds.map((crd) => {
      const { names, scope, versions } = at(crd, 'spec');
      const { name, served, storage, deprecated } = at(versions, 0);
      const { kind, listKind, plural, singular, shortNames, categories } = recordOf(names);
      return [
        [at(crd, 'metadata')['name'], scope, name, served, storage, deprecated],
        [kind, listKind, plural, singular, shortNames, categories],
      ];
    });
    const group = 'aws.zakariaamine.com';
    assert.deepEqual(summary, [
      [
        [`awsecrimagepullsecrets.${group}`, 'Namespaced', 'v1alpha2', true, true, undefined],
        [
          'AWSECRImagePullSecret',
          'AWSECRImagePullSecretList',
          'awsecrimagepullsecrets',
          'awsecrimagepullsecret',
          ['aeps'],
          ['ecr'],
        ],
      ],
      [
        [`clusterawsecrimagepullsecrets.${group}`, 'Cluster', 'v1alpha2', true, true, undefined],
        [
          'ClusterAWSECRImagePullSecret',
          'ClusterAWSECRImagePullSecretList',
          'clusterawsecrimagepullsecrets',
          'clusterawsecrimagepullsecret',
          ['caeps'],
          ['ecr'],
        ],
      ],
      [
        [`awsecrcredentials.${group}`, 'Cluster', 'v1alpha1', true, true, true],
        ['AWSECRCredential', 'AWSECRCredentialList', 'awsecrcredentials', 'awsecrcredential', undefined, undefined],
      ],
    ]);
  });

  test('have one version each, with a status of its own', () => {
    for (const crd of crds) {
      assert.equal(listOf(at(crd, 'spec')['versions']).length, 1);
      assert.deepEqual(at(crd, 'spec', 'versions', 0)['subresources'], { status: {} });
    }
  });

  test('say which kind takes the place of the deprecated one', () => {
    assert.match(
      String(at(legacy, 'spec', 'versions', 0)['deprecationWarning']),
      /deprecated; use aws\.zakariaamine\.com\/v1alpha2 ClusterAWSECRImagePullSecret$/,
    );
  });

  test('are the same each time', () => assert.deepEqual(makeCrds(), crds));

  test('survive JSON: nothing in them is undefined', () => assert.deepEqual(JSON.parse(JSON.stringify(crds)), crds));
});

describe('the schema of the two kinds', () => {
  const both = [namespaced, cluster];

  test('reads a new object as in progress', () => {
    for (const crd of both) {
      assert.deepEqual(schemaOf(crd, 'status')['default'], { observedGeneration: -1 });
      assert.equal(schemaOf(crd, 'status', 'observedGeneration')['minimum'], -1);
    }
  });

  test('has no field that says where a referenced object lives', () => {
    for (const [path] of nodes(schemaOf(cluster, 'spec', 'awsAccess'), 'awsAccess')) {
      assert.ok(!/namespace/i.test(path), path);
    }
  });

  test('lets namespaces repeat: an object stored before the schema must still take a status', () => {
    for (const [path, node] of nodes(schemaOf(cluster), 'schema')) {
      assert.ok(!('uniqueItems' in node), path);
      assert.notEqual(node['x-kubernetes-list-type'], 'set', path);
    }
    const { maxItems, items, ...list } = schemaOf(cluster, 'spec', 'namespaces');
    assert.deepEqual([maxItems, recordOf(items)['maxLength'], list['x-kubernetes-list-type']], [10_000, 63, 'atomic']);
  });

  test('has no rule that goes through a list, and of its items only matches: each write of a status checks all namespaces', () => {
    const rules = crds.flatMap((crd) =>
      [...nodes(schemaOf(crd), 'schema')].flatMap(([path, node]) =>
        listOf(node['x-kubernetes-validations']).map((rule) => `${path}: ${String(recordOf(rule)['rule'])}`),
      ),
    );
    assert.ok(rules.length > 0);
    for (const rule of rules) {
      assert.doesNotMatch(rule, /\.\s*(all|exists|exists_one|map|filter)\s*\(/);
      if (rule.includes('[]:'))
        assert.match(rule, /\[\]: self(\.size\(\) > \d+ \|\| !?self\.matches\(r'[^']+'\)| != '\*')$/);
    }
  });

  test('has its conditions and logins as maps, so that two writers do not overwrite each other', () => {
    const keys = ['conditions', 'logins'].map((name) => {
      const node = schemaOf(namespaced, 'status', name);
      return [node['x-kubernetes-list-type'], node['x-kubernetes-list-map-keys']];
    });
    assert.deepEqual(keys, [
      ['map', ['type']],
      ['map', ['registry']],
    ]);
  });

  test('keeps the secret name for ever', () => {
    for (const crd of both) {
      const rules = listOf(schemaOf(crd, 'spec', 'secretName')['x-kubernetes-validations']);
      assert.ok(rules.some((rule) => recordOf(rule)['rule'] === 'self == oldSelf'));
    }
  });

  test('prints the time of expiry as a text, since a date in the future prints as <invalid>', () => {
    for (const crd of both) {
      const columns = listOf(at(crd, 'spec', 'versions', 0)['additionalPrinterColumns']).map(recordOf);
      assert.deepEqual(
        columns.map(({ name, type }) => `${String(name)} ${String(type)}`),
        [
          'Ready string',
          'Status string',
          'Message string',
          'Stalled string',
          'Attached string',
          'Pullable string',
          'Secrets string',
          'Secret string',
          'Region string',
          'Expires string',
          'Refreshed date',
          'Age date',
        ],
      );
    }
  });

  test('holds nothing that a structural schema forbids, and no trace of how it was made', () => {
    for (const [path, node] of nodes(schemaOf(cluster), 'schema')) {
      assert.ok(!('$schema' in node) && node['additionalProperties'] !== false, path);
      if (node['type'] === 'integer') assert.match(String(node['format']), /^int(32|64)$/, path);
    }
  });
});
