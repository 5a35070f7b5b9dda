// `lint` gives the verdict of a real API server, which has a CEL engine, on every spec that the contract names.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { makeCrds } from '../../src/api/crd.ts';
import { API_VERSION, CLUSTER_KIND, NAMESPACED_KIND } from '../../src/api/names.ts';
import { lintObject, specSchemas } from '../../src/core/lint.ts';
import type { FieldPath } from '../../src/core/schema-check.ts';
import { recordOf } from '../../src/lib/json.ts';
import { CLUSTER_PATH, NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';
import { GOOD_CLUSTER } from './access-specs.ts';
import { BAD, CLUSTER_SPEC, GOOD, NAMESPACED_SPEC } from './specs.ts';

const OF_CLUSTER = ['namespaces', 'namespaceSelector', 'excludeNamespaces'];
const SCHEMAS = specSchemas(makeCrds());

const SPECS: Readonly<Record<string, object>> = {
  ...GOOD,
  ...GOOD_CLUSTER,
  ...Object.fromEntries(Object.entries(BAD).map(([name, { spec }]) => [name, spec])),
  'an unknown field': { registry: 'x' },
  'an unknown field inside': { awsAccess: { ...recordOf(NAMESPACED_SPEC['awsAccess']), endpoint: 'http://x' } },
  'a field that is null': { registries: null },
  'a template with a key of the operator': { secretTemplate: { labels: { 'app.kubernetes.io/managed-by': 'me' } } },
  'a template with too many keys': {
    secretTemplate: { annotations: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`a${at}`, ''])) },
  },
};

describe('lint says of a spec what the API server says of it', () => {
  const world = useWorld();
  let namespace = '';
  before(async () => {
    namespace = await world.api.createNamespace();
  });

  for (const [name, change] of Object.entries(SPECS))
    for (const kind of [CLUSTER_KIND, NAMESPACED_KIND]) {
      if (kind === NAMESPACED_KIND && Object.keys(change).some((field) => OF_CLUSTER.includes(field))) continue;
      test(`${name} (${kind})`, async () => {
        const spec = { ...(kind === CLUSTER_KIND ? CLUSTER_SPEC : NAMESPACED_SPEC), ...change };
        const object = JSON.parse(JSON.stringify({ apiVersion: API_VERSION, kind, metadata: { name: 'x' }, spec }));
        const path = kind === CLUSTER_KIND ? CLUSTER_PATH() : NAMESPACED_PATH(namespace);
        const { status, body } = await world.api.send('POST', `${path}?dryRun=All&fieldValidation=Strict`, object);
        const faults = lintObject(object, SCHEMAS)?.faults ?? [];
        assert.equal(faults.length === 0, status === 201, `${JSON.stringify(faults)} and ${String(body.message)}`);
        // Of a pair, CEL names the object that lacks one; the sentence here names the one that is missing.
        const [first] = faults;
        const isOfPair = first !== undefined && /AccessKey|accessKeyId/.test(String(first.path.at(-1)));
        const places = first ? [nameOf(isOfPair ? first.path.slice(0, -1) : first.path)] : [''];
        assert.ok(
          places.every((place) => String(body.message).includes(place)),
          `${places.join(', ')}: ${String(body.message)}`,
        );
      });
    }
});

function nameOf(path: FieldPath): string {
  return path.map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${part}`)).join('');
}
