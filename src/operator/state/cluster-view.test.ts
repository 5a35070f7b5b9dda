// Covers which objects a change is news for, and what is kept of an object of the deprecated kind after it is gone.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import {
  clusterPullSecret,
  KEY_ID,
  login,
  pullSecret,
  SECRET_KEY,
  START,
  seenSecret,
  spec,
} from '../../../testing/rigs/builders.ts';
import { createTestView } from '../../../testing/rigs/view-rig.ts';
import { objectKey } from '../../api/meta.ts';
import { CLUSTER_KIND, NAMESPACED_KIND, type PullSecretKind } from '../../api/names.ts';
import { MAX_ENTRIES, type SeenAccount } from '../../core/attachment.ts';
import { convertedSpec, formerUid, type LegacyObject } from '../../core/conversion.ts';
import { makePayload } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { NO_TEMPLATE } from '../../core/secret-template.ts';

describe('a secret with AWS keys that changes', () => {
  const refersTo = (name: string, uid: string, kind: PullSecretKind = NAMESPACED_KIND): PullSecretObject => ({
    ...pullSecret(kind, spec({}, { secretRef: { name } })),
    name: uid,
    uid,
  });

  test('is news for the objects that refer to it now, and for no others', () => {
    const enqueued: string[] = [];
    const { stores } = createTestView({ enqueue: (key) => void enqueued.push(key) });
    let version = 1;
    const changed = (place: string): readonly string[] => {
      enqueued.length = 0;
      version += 1;
      stores.credentials.apply(place, { resourceVersion: String(version) }, String(version));
      return enqueued.toSorted();
    };
    const put = (object: PullSecretObject, isThere = true): void => {
      version += 1;
      const store = object.kind === NAMESPACED_KIND ? stores.namespaced : stores.cluster;
      const seen = { ...object, resourceVersion: String(version) };
      store.apply(objectKey(object.namespace, object.name), isThere ? seen : undefined, String(version));
    };
    for (const one of [refersTo('keys', 'a'), refersTo('keys', 'b'), refersTo('others', 'c')]) put(one);
    put(refersTo('keys', 'd', CLUSTER_KIND));
    put({ ...pullSecret(NAMESPACED_KIND, spec()), name: 'inline', uid: 'inline' });
    assert.deepEqual(changed('ns1/keys'), ['ns1/a', 'ns1/b']);
    assert.deepEqual(changed('operator/keys'), ['/d']);
    put(refersTo('others', 'b'));
    put(refersTo('keys', 'a'), false);
    assert.deepEqual([changed('ns1/keys'), changed('ns1/others')], [[], ['ns1/b', 'ns1/c']]);
  });
});

test('a secret that comes or goes in a namespace is news for the objects that want it there, and for no others', () => {
  const enqueued: string[] = [];
  const { stores } = createTestView({ enqueue: (key) => void enqueued.push(key) });
  const put = (name: string, namespaces: readonly string[]): void =>
    stores.cluster.apply(
      objectKey(undefined, name),
      { ...clusterPullSecret(spec({ namespaces })), name, uid: name },
      '2',
    );
  for (const name of ['ns1', 'ns2']) {
    const labels = new Map<string, string>();
    stores.namespaces.apply(
      objectKey(undefined, name),
      { name, resourceVersion: '1', labels, hasAllLabels: true, terminating: false },
      '1',
    );
  }
  put('here', ['ns1']);
  put('both', ['ns1', 'ns2']);
  put('elsewhere', ['ns2']);
  const own = pullSecret(NAMESPACED_KIND, spec());
  stores.namespaced.apply(objectKey('ns1', 'own'), { ...own, name: 'own', uid: 'own' }, '2');
  enqueued.length = 0;
  const payload = makePayload([login('eu-west-1')], 'sha256:1', NO_TEMPLATE, START) ?? assert.fail();
  const foreign = { ownerUid: undefined, ownerUidLabel: undefined, resourceVersion: '3' };
  stores.secrets.apply(objectKey('ns1', 'ecr-login'), seenSecret('ns1', payload, foreign), '3');
  stores.secrets.apply(objectKey('ns1', 'ecr-login'), undefined, '4');
  assert.deepEqual([...new Set(enqueued)].sort(), ['/both', '/here', 'ns1/own']);
});

test('a ServiceAccount is news for the objects that ask for it whenever their status would say something else', () => {
  const told: string[] = [];
  const { stores } = createTestView({ onAttachment: (key) => void told.push(key) });
  const labels = new Map<string, string>();
  stores.namespaces.apply(
    objectKey(undefined, 'ns1'),
    { name: 'ns1', resourceVersion: '1', labels, hasAllLabels: true, terminating: false },
    '1',
  );
  const asking = pullSecret(NAMESPACED_KIND, spec({ serviceAccounts: { selector: { matchLabels: { app: 'a' } } } }));
  stores.namespaced.apply(objectKey('ns1', 'own'), { ...asking, name: 'own', uid: 'own' }, '1');
  const account: SeenAccount = {
    namespace: 'ns1',
    name: 'default',
    uid: 'account',
    resourceVersion: '2',
    deleting: false,
    labels: new Map([['app', 'a']]),
    hasAllLabels: true,
    pullSecrets: [],
    attached: new Map(),
    isTooLarge: false,
  };
  const others = Array.from({ length: MAX_ENTRIES }, (_, index) => `other-${index}`);
  let version = 2;
  for (const [change, isNews] of [
    [{}, true],
    [{ pullSecrets: others.slice(1) }, false],
    [{ pullSecrets: others }, true],
    [
      {
        pullSecrets: others,
        labels: new Map([
          ['app', 'a'],
          ['tier', 'b'],
        ]),
      },
      false,
    ],
    [{ isTooLarge: true }, true],
    [{ pullSecrets: [...others.slice(1), 'ecr-login'] }, true],
    [{ pullSecrets: ['ecr-login'] }, false],
    [{ labels: new Map(), hasAllLabels: false }, true],
    [{ labels: new Map() }, true],
    [undefined, false],
  ] as const) {
    told.length = 0;
    version += 1;
    const seen = change && { ...account, ...change, resourceVersion: String(version) };
    stores.accounts.apply(objectKey('ns1', 'default'), seen, String(version));
    assert.deepEqual(told, isNews ? ['ns1/own'] : [], inspect(change, { maxArrayLength: 2 }));
  }
});

describe('an object', () => {
  const place = objectKey('ns1', 'ecr-login');
  const payload = makePayload([login('eu-west-1')], 'sha256:1', NO_TEMPLATE, START) ?? assert.fail();

  test('lives where it can own a Secret: of the namespaced kind in its own namespace, of the others in all', () => {
    const { view, stores } = createTestView();
    const legacy = { name: 'a', resourceVersion: '1', generation: 1, deleting: false, spec: {}, conditions: [] };
    stores.namespaced.apply(objectKey('ns1', 'a'), { ...pullSecret(NAMESPACED_KIND, spec()), uid: 'own' }, '1');
    stores.cluster.apply(objectKey(undefined, 'a'), { ...clusterPullSecret(spec()), uid: 'cluster' }, '1');
    stores.legacy.apply(objectKey(undefined, 'a'), { ...legacy, uid: 'legacy' }, '1');
    const livesIn = (namespace: string): readonly string[] =>
      ['own', 'cluster', 'legacy', 'gone'].filter((uid) => view.isLive(uid, namespace));
    assert.deepEqual(
      [livesIn('ns1'), livesIn('ns2')],
      [
        ['own', 'cluster', 'legacy'],
        ['cluster', 'legacy'],
      ],
    );
  });

  test('that goes is news for those who want a Secret that it left without an owner', () => {
    const enqueued: string[] = [];
    const { stores } = createTestView({ enqueue: (key) => void enqueued.push(key) });
    const former = { ...clusterPullSecret(spec()), name: 'former', uid: 'former' };
    stores.cluster.apply(objectKey(undefined, 'former'), former, '1');
    stores.namespaced.apply(objectKey('ns1', 'waits'), { ...pullSecret(NAMESPACED_KIND, spec()), name: 'waits' }, '1');
    const left = { ownerUidLabel: 'former', hasOwners: false, ownerUid: undefined, ownerKind: undefined };
    stores.secrets.apply(place, seenSecret('ns1', payload, left), '2');
    enqueued.length = 0;
    stores.cluster.apply(objectKey(undefined, 'former'), undefined, '3');
    assert.ok(enqueued.includes('ns1/waits'), enqueued.join(' '));
  });

  test('that waits for a Secret without an owner is news when other hosts are in it', () => {
    const enqueued: string[] = [];
    const { stores } = createTestView({ enqueue: (key) => void enqueued.push(key) });
    stores.namespaced.apply(objectKey('ns1', 'waits'), { ...pullSecret(NAMESPACED_KIND, spec()), name: 'waits' }, '1');
    const left = { ownerUidLabel: 'gone', hasOwners: false, ownerUid: undefined, ownerKind: undefined };
    stores.secrets.apply(place, seenSecret('ns1', payload, left), '2');
    enqueued.length = 0;
    stores.secrets.apply(
      place,
      seenSecret('ns1', payload, { ...left, contentDigest: 'other', resourceVersion: '3' }),
      '3',
    );
    assert.deepEqual(enqueued, ['ns1/waits']);
  });
});

test('a converted object that is gone is still known as the one before its successor, without its keys', () => {
  const { view, stores } = createTestView();
  const identity = { name: 'a', uid: 'old', resourceVersion: '1', generation: 1, deleting: false };
  const old: LegacyObject = { ...identity, spec: spec({ namespaces: ['ns1'] }), conditions: [] };
  const key = objectKey(undefined, 'a');
  stores.legacy.apply(key, old, '1');
  stores.legacy.apply(key, undefined, '2');

  const successor = convertedSpec(old);
  assert.ok(typeof successor !== 'string');
  assert.equal(formerUid(view.predecessor(key), clusterPullSecret(successor)), 'old');
  assert.equal(formerUid(view.predecessor(key), clusterPullSecret(spec())), undefined);
  const kept = inspect(view.predecessor(key), { depth: Infinity });
  for (const secret of [KEY_ID, SECRET_KEY]) assert.ok(!kept.includes(secret), kept);
});
