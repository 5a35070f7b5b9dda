// Covers what an object of the deprecated kind becomes, when that is refused, and who owns its Secrets afterwards.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { base64, clusterPullSecret, KEY_ID, pullSecret, SECRET_KEY, START, spec } from '../../testing/rigs/builders.ts';
import { API_VERSION, CLUSTER_KIND, NAMESPACED_KIND, REASON } from '../api/names.ts';
import { isRecord, type JsonRecord } from '../lib/json.ts';
import {
  convertedSpec,
  formerUid,
  isSuccessor,
  type LegacyObject,
  type OwnerReference,
  predecessorOf,
  refusedConditions,
  reparented,
} from './conversion.ts';

function legacy(wanted: JsonRecord, over: Partial<LegacyObject> = {}): LegacyObject {
  const identity = { name: 'a', uid: 'old', resourceVersion: '1', generation: 2, deleting: false };
  return { ...identity, spec: wanted, conditions: [], ...over };
}

const WANTED = spec({ namespaces: ['ns1', 'ns2', 'ns1'] });

describe('the spec of the successor', () => {
  const SAME: Readonly<Record<string, JsonRecord>> = {
    'with plain keys is the same': WANTED,
    'with base64 keys is the same': spec({}, { accessKeyId: base64(KEY_ID), secretAccessKey: base64(SECRET_KEY) }),
    'without namespaces is the same': spec(),
  };
  for (const [name, wanted] of Object.entries(SAME))
    test(name, () => assert.deepEqual(convertedSpec(legacy(wanted)), wanted));

  test('has nothing that the deprecated kind does not know', () => {
    const wanted = spec({ namespaceSelector: {}, excludeNamespaces: ['x'] }, { sessionToken: 'x' });
    assert.deepEqual(convertedSpec(legacy(wanted)), spec());
    assert.deepEqual(convertedSpec(legacy(spec({ namespaces: [] }))), spec());
  });

  const REFUSED: Readonly<Record<string, { readonly given: JsonRecord; readonly want: RegExp }>> = {
    'no spec at all': { given: {}, want: /region is not the name of an AWS region/ },
    'no keys': { given: spec({ awsAccess: { region: 'eu-west-1' } }), want: /has no identity/ },
    'half a pair': { given: spec({}, { secretAccessKey: '' }), want: /secretAccessKey is empty/ },
    'keys that are no text': { given: spec({}, { accessKeyId: 1, secretAccessKey: 2 }), want: /accessKeyId is empty/ },
    'a reference in place of the pair': {
      given: spec({}, { secretRef: { name: 'aws-keys' } }),
      want: /has no identity/,
    },
    'no secretName': { given: spec({ secretName: undefined }), want: /secretName is not a name/ },
    'a key too long for the new kind': { given: spec({}, { accessKeyId: 'x'.repeat(257) }), want: /longer than 256/ },
    'more namespaces than the new kind takes': {
      given: spec({ namespaces: Array.from({ length: 10_001 }, (_, index) => `n${index}`) }),
      want: /more than 10000 items/,
    },
    'a name that no namespace can have': { given: spec({ namespaces: ['a', 'B'] }), want: /no namespace can have/ },
  };
  for (const [name, { given, want }] of Object.entries(REFUSED)) {
    test(`is refused for ${name}, in words without a key`, () => {
      const sentence = convertedSpec(legacy(given));
      assert.ok(typeof sentence === 'string');
      assert.match(sentence, want);
      assert.ok(!sentence.includes(KEY_ID) && !sentence.includes(SECRET_KEY));
    });
  }
});

describe('a successor', () => {
  const old = legacy(WANTED);
  const same = clusterPullSecret(WANTED);

  test('is the cluster object of the same name and spec, while it stays', () => {
    assert.ok(isSuccessor(old, same));
    assert.ok(!isSuccessor(old, { ...same, name: 'b' }));
    assert.ok(!isSuccessor(old, { ...same, deleting: true }));
    assert.ok(!isSuccessor(old, clusterPullSecret({ ...WANTED, namespaces: ['ns1'] })));
    assert.ok(!isSuccessor(old, clusterPullSecret({ ...WANTED, namespaceSelector: {} })));
    assert.ok(!isSuccessor(old, { ...pullSecret(NAMESPACED_KIND, WANTED), namespace: undefined }));
    assert.ok(!isSuccessor(legacy({}), clusterPullSecret({})));
  });

  test('waits for the Secrets of the old object, and of none that is gone, being deleted or another', () => {
    const before = predecessorOf(old);
    assert.equal(formerUid(before, same), 'old');
    assert.equal(formerUid(undefined, same), undefined);
    assert.equal(formerUid({ ...before, deleting: true }, same), undefined);
    assert.equal(formerUid(before, { ...same, name: 'b' }), undefined);
    assert.equal(formerUid(before, clusterPullSecret(spec())), undefined);
    assert.equal(formerUid(predecessorOf(legacy({})), clusterPullSecret({})), undefined);
  });

  test('is recognised by a digest of the spec, whatever the order of its fields', () => {
    const turned = Object.fromEntries(Object.entries(WANTED).toReversed());
    assert.equal(formerUid(predecessorOf(old), clusterPullSecret(turned)), 'old');
    assert.deepEqual(Object.keys(predecessorOf(old)).toSorted(), ['deleting', 'name', 'specDigest', 'uid']);
  });
});

const isOld = ({ uid }: JsonRecord): boolean => uid === 'old';

describe('the owner references of a handed-over secret', () => {
  const owner: OwnerReference = {
    apiVersion: API_VERSION,
    kind: CLUSTER_KIND,
    name: 'a',
    uid: 'new',
    controller: true,
  };
  const former = { apiVersion: 'aws.zakariaamine.com/v1alpha1', kind: 'AWSECRCredential', name: 'a', uid: 'old' };
  const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'other' };

  test('have the successor in place of the former owner, as controller', () => {
    assert.deepEqual(reparented([former], isOld, owner), [owner]);
  });
  test('keep every other owner, and the successor once', () => {
    assert.deepEqual(reparented([other, former, { ...owner, controller: false }], isOld, owner), [other, owner]);
  });
  test('have the successor as a plain owner where another owner is the controller', () => {
    const { controller, ...plain } = owner;
    assert.deepEqual(reparented([former, { ...other, controller }], isOld, owner), [{ ...other, controller }, plain]);
  });
  test('survive a value that is no list and no reference', () => {
    assert.deepEqual(reparented(undefined, isOld, owner), [owner]);
    assert.deepEqual(reparented(['x', null], isOld, owner), [owner]);
  });
});

describe('the conditions of an object that is not converted', () => {
  const refusal = { reason: REASON.conversionConflict, message: 'there is another' };
  const ready = { type: 'Ready', status: 'True', reason: 'SecretsUpdated', message: 'x', lastTransitionTime: 'then' };
  const now = '2023-10-04T20:45:52Z';
  const conditionsOf = (conditions: readonly unknown[]): readonly JsonRecord[] | undefined =>
    refusedConditions(legacy({}, { conditions: conditions.filter(isRecord) }), refusal, START);

  test('say why, and since when', () => {
    const want = { type: 'Ready', status: 'False', observedGeneration: 2, lastTransitionTime: now, ...refusal };
    assert.deepEqual(conditionsOf([]), [want]);
    assert.deepEqual(conditionsOf([{ type: 'Other' }, ready]), [{ type: 'Other' }, want]);
  });
  test('keep the time while Ready was False before, for another reason', () => {
    const [after] = conditionsOf([{ ...ready, status: 'False' }]) ?? [];
    assert.equal(after?.['lastTransitionTime'], 'then');
    const [mended] = conditionsOf([{ ...ready, status: 'False', lastTransitionTime: 7 }]) ?? [];
    assert.equal(mended?.['lastTransitionTime'], now);
  });
  test('are left alone when they say so already', () => {
    assert.equal(conditionsOf([{ ...ready, status: 'False', ...refusal }]), undefined);
    assert.notEqual(conditionsOf([{ ...ready, status: 'False', ...refusal, message: 'x' }]), undefined);
  });
});
