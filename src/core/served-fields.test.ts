import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { missingFields } from './served-fields.ts';

const text = { type: 'string' };
const object = (properties: object): object => ({ type: 'object', properties });

function crd(kind: string, schema: object): Readonly<Record<string, unknown>> {
  return {
    spec: { group: 'g.example', names: { kind }, versions: [{ name: 'v1', schema: { openAPIV3Schema: schema } }] },
  };
}

function document(schemas: Readonly<Record<string, object>>): Readonly<Record<string, unknown>> {
  const named = Object.entries(schemas).map(([kind, schema]) => [
    `example.g.v1.${kind}`,
    { ...schema, 'x-kubernetes-group-version-kind': [{ group: 'g.example', version: 'v1', kind }] },
  ]);
  return { components: { schemas: { ...Object.fromEntries(named), 'io.k8s.ObjectMeta': { type: 'object' } } } };
}

const FULL = object({
  spec: object({ name: text, hosts: { type: 'array', items: object({ host: text, port: text }) } }),
});

describe('fields that the API server does not know', () => {
  test('are none when it serves the same schema', () => {
    assert.deepEqual(missingFields([crd('Thing', FULL)], document({ Thing: FULL })), []);
  });

  test('are named by their paths, in items of lists too, and without what is below them', () => {
    const old = object({ spec: object({ hosts: { type: 'array', items: object({ host: text }) } }) });
    const wanted = [crd('Thing', FULL), crd('Other', object({ status: FULL, spec: text }))];
    assert.deepEqual(missingFields(wanted, document({ Thing: old, Other: object({ spec: text }) })), [
      'Thing.spec.name',
      'Thing.spec.hosts[].port',
      'Other.status',
    ]);
  });

  test('are a whole kind when that is not served', () => {
    const wanted = [crd('Thing', FULL), crd('Other', FULL)];
    assert.deepEqual(missingFields(wanted, document({ Thing: FULL })), ['Other']);
    assert.deepEqual(missingFields(wanted, {}), ['Thing', 'Other']);
  });
});
