import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { base64 } from '../../../testing/rigs/builders.ts';
import { ADOPT_ANNOTATION, CLUSTER_KIND, DOCKER_CONFIG_TYPE, RECONCILE_AT_ANNOTATION } from '../../api/names.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { legacyOf, namespaceOf, pullSecretOf, seenSecretOf, versionOf } from './reduced-objects.ts';

/** As long as an annotation may be. */
const LONG = 'x'.repeat(250 * 1024);

function metadata(annotations: JsonRecord, more: JsonRecord = {}): JsonRecord {
  return { name: 'a', namespace: 'ns1', uid: 'u', resourceVersion: '7', annotations, ...more };
}

function secret(over: JsonRecord, annotations: JsonRecord = {}): JsonRecord {
  return { metadata: metadata(annotations), type: DOCKER_CONFIG_TYPE, ...over };
}

const OWNER = { apiVersion: `aws.zakariaamine.com/${LONG}`, kind: LONG, uid: LONG, name: LONG, controller: true };
const OFFERED = { [ADOPT_ANNOTATION]: `${CLUSTER_KIND}/a` };
const configOf = (hosts: readonly string[]): JsonRecord => ({
  '.dockerconfigjson': base64(JSON.stringify({ auths: Object.fromEntries(hosts.map((host) => [host, {}])) })),
});

// Rule 14
describe('what is kept does not grow with', () => {
  for (const [name, reduced] of [
    ['the data of a secret', seenSecretOf(secret({ data: { '.dockerconfigjson': LONG, more: LONG } }))],
    ['the type of a secret', seenSecretOf(secret({ type: LONG }))],
    [
      'the annotations of a secret',
      seenSecretOf(secret({}, { expiry: LONG, [ADOPT_ANNOTATION]: LONG, 'aws.zakariaamine.com/inputs': LONG })),
    ],
    ['the owners of a secret', seenSecretOf({ metadata: metadata({}, { ownerReferences: [OWNER, OWNER] }) })],
    ['the hosts in a secret that is offered', seenSecretOf(secret({ data: configOf([LONG]) }, OFFERED))],
    [
      'their number',
      seenSecretOf(secret({ data: configOf(Array.from({ length: 150 }, (_, at) => `h${at}.example.com`)) }, OFFERED)),
    ],
    [
      'the annotations of an object',
      pullSecretOf(CLUSTER_KIND, { metadata: metadata({ a: LONG, [RECONCILE_AT_ANNOTATION]: LONG }) }),
    ],
    ['the annotations of a deprecated object', legacyOf({ metadata: metadata({ a: LONG }) })],
    ['the annotations of a namespace', namespaceOf({ metadata: metadata({ a: LONG }) })],
    ['the keys in a secret with AWS keys', versionOf(secret({ data: { AWS_ACCESS_KEY_ID: LONG } }))],
  ] as const) {
    test(name, () => {
      assert.ok(reduced);
      assert.ok(JSON.stringify(reduced).length < 1_000);
    });
  }
});

test('a namespace keeps its first hundred labels, by name, for selectors, and says when it has more', () => {
  const named = Array.from(
    { length: 5_000 },
    (_, at) => [`label-${String(5_000 - at).padStart(4, '0')}`, 'x'] as const,
  );
  const keeping = (count: number): ReturnType<typeof namespaceOf> =>
    namespaceOf({ metadata: metadata({}, { labels: Object.fromEntries(named.slice(-count)) }) });
  const kept = keeping(5_000)?.labels ?? new Map();
  assert.equal(kept.size, 100);
  assert.deepEqual(
    [1, 100, 101].map((count) => keeping(count)?.hasAllLabels),
    [true, true, false],
  );
  assert.deepEqual([kept.has('label-0001'), kept.has('label-0100'), kept.has('label-0101')], [true, true, false]);
});

describe('who changed a secret since the operator wrote it', () => {
  const by = (...managers: readonly (readonly [manager: string, second: number])[]): string | undefined => {
    const managedFields = managers.map(([manager, second]) => ({ manager, time: `2026-11-26T03:00:0${second}Z` }));
    return seenSecretOf({ ...secret({}), metadata: metadata({}, { managedFields }) })?.otherWriter;
  };
  const OWN = 'kube-ecr-secrets-operator';

  test('is the last of the other field managers', () =>
    assert.equal(by(['flux', 2], [OWN, 1], ['argocd', 3], ['helm', 0]), 'argocd'));
  test('may be one that wrote in the same second', () => assert.equal(by([OWN, 1], ['flux', 1]), 'flux'));
  test('is nobody when the operator wrote last, or alone, or nothing is said', () =>
    assert.deepEqual([by(['flux', 1], [OWN, 2]), by([OWN, 1]), by()], [undefined, undefined, undefined]));
  test('is nobody when the name is none that the API server takes', () =>
    assert.deepEqual([by([OWN, 1], ['a\nb', 2]), by([OWN, 1], [LONG, 2])], [undefined, undefined]));
});

describe('an object', () => {
  const leaving = (finalizers: readonly string[], deletionTimestamp?: string): boolean | undefined =>
    pullSecretOf(CLUSTER_KIND, { metadata: metadata({}, { finalizers, deletionTimestamp }) })?.isCollected;
  const then = '2026-11-26T03:00:00Z';

  test('that is being deleted is the garbage collector’s only by its own finalizers', () => {
    assert.deepEqual(
      [['orphan'], ['foregroundDeletion'], ['example.com/hold', 'orphan']].map((list) => leaving(list, then)),
      [true, true, true],
    );
    assert.deepEqual(
      [leaving(['example.com/hold'], then), leaving([], then), leaving(['orphan'])],
      [false, false, false],
    );
  });
});

describe('a mark that asks for a fresh login', () => {
  const markOf = (text: string): string | undefined =>
    pullSecretOf(CLUSTER_KIND, { metadata: metadata({ [RECONCILE_AT_ANNOTATION]: text }) })?.reconcileAt;

  test('is kept as it is when it is short, so that the status shows it', () => {
    assert.equal(markOf('2026-11-24'), '2026-11-24');
  });

  test('that is long is kept as something short that is another one for another mark', () => {
    assert.notEqual(markOf(`${LONG}1`), markOf(`${LONG}2`));
    assert.ok((markOf(LONG) ?? LONG).length < 128);
  });
});
