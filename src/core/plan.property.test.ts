// Holds the plan against any cluster: it settles, touches nothing foreign, and ignores the order of its inputs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, boolean, constantFrom, property, record, subarray, uniqueArray } from 'fast-check';
import { after, hostOf, seenSecret, UID } from '../../testing/rigs/builders.ts';
import { DOCKER_CONFIG_TYPE, NAMESPACED_KIND } from '../api/names.ts';
import { HOUR } from '../lib/time.ts';
import type { Target } from './desired.ts';
import { contentDigest, isOwned, type Payload, type Plan, planSecrets } from './plan.ts';
import { NO_TEMPLATE } from './secret-template.ts';
import type { SeenSecret } from './seen-secret.ts';

const NAME = 'ecr-login';
const CLAIMANT = { uid: UID, kind: NAMESPACED_KIND, namespace: 'ns1', name: 'a', deleting: false } as const;
const NAMESPACES = ['a', 'b', 'c', '__proto__', 'constructor'];
const payload: Payload = {
  content: 'e30=',
  hosts: [hostOf('eu-west-1')],
  contentDigest: contentDigest('e30='),
  inputs: 'sha256:1',
  endsAt: after(12 * HOUR),
  expiry: '2023-10-05T08:45:52Z',
  template: NO_TEMPLATE,
};

const OFFER = `${NAMESPACED_KIND}/a`;

const secret = record({
  namespace: constantFrom(...NAMESPACES),
  name: constantFrom(NAME, 'former'),
  type: constantFrom(DOCKER_CONFIG_TYPE, 'Opaque'),
  immutable: boolean(),
  deleting: boolean(),
  owner: constantFrom(
    { hasOwners: true, ownerUid: UID, ownerKind: NAMESPACED_KIND },
    { hasOwners: true, ownerUid: 'other', ownerKind: NAMESPACED_KIND },
    { hasOwners: true, ownerUid: 'other', ownerKind: undefined },
    { hasOwners: true, ownerUid: undefined, ownerKind: undefined },
    { hasOwners: false, ownerUid: undefined, ownerKind: undefined },
  ),
  offeredTo: constantFrom(undefined, OFFER, 'Other/a'),
  ownerUidLabel: constantFrom(UID, 'other', 'gone', undefined),
  managed: boolean(),
  inputs: constantFrom(payload.inputs, 'sha256:0', undefined),
  expiry: constantFrom(payload.expiry, undefined),
  contentDigest: constantFrom(payload.contentDigest, 'sha256:0'),
  templateDigest: constantFrom('', 'sha256:0'),
}).map(({ owner, ...over }) =>
  seenSecret(over.namespace, payload, { ...over, ...owner, uid: `${over.namespace}/${over.name}` }),
);

const secrets = uniqueArray(secret, { selector: ({ uid }) => uid });
const targets = subarray(NAMESPACES).map((names) =>
  names.toSorted().map((namespace, index): Target => ({ namespace, named: index % 2 === 0 })),
);
const held = constantFrom(payload, undefined);

function plan(wanted: readonly Target[], cluster: readonly SeenSecret[], what: Payload | undefined): Plan {
  const seen = new Map(cluster.filter(({ name }) => name === NAME).map((one) => [one.namespace, one]));
  return planSecrets(
    CLAIMANT,
    wanted,
    { seen, owned: cluster, rivals: new Map(), isLive: (uid) => uid !== 'gone', byUid: () => undefined },
    what,
  );
}

/** The cluster after the plan was carried out. */
function applied(cluster: readonly SeenSecret[], { actions, prune }: Plan): readonly SeenSecret[] {
  const next = new Map(cluster.map((one) => [one.uid, one]));
  for (const action of actions) {
    if (action.op !== 'create') next.delete(action.seen.uid);
    const written = seenSecret(action.namespace, payload);
    next.set(written.uid, written);
  }
  for (const { uid } of prune) next.delete(uid);
  return [...next.values()];
}

// Rule 11
test('planning again after applying the plan yields nothing to do', () => {
  assertProperty(
    property(targets, secrets, held, (wanted, cluster, what) => {
      const again = plan(wanted, applied(cluster, plan(wanted, cluster, what)), what);
      assert.deepEqual([again.actions, again.prune], [[], []]);
    }),
    { numRuns: 500 },
  );
});

// Rule 1
test('a secret that is neither owned nor offered is in no action, and only an owned one in a prune', () => {
  assertProperty(
    property(targets, secrets, held, (wanted, cluster, what) => {
      const { actions, prune } = plan(wanted, cluster, what);
      const changed = actions.flatMap((action) => (action.op === 'create' || action.op === 'adopt' ? [] : action.seen));
      for (const one of [...prune, ...changed]) assert.ok(isOwned(one, UID));
      for (const action of actions) {
        if (action.op !== 'adopt') continue;
        const { offeredTo, managed, type, immutable, hasOwners, ownerUid, ownerKind, ownerUidLabel } = action.seen;
        assert.deepEqual([managed, type, immutable], [true, DOCKER_CONFIG_TYPE, false]);
        assert.ok(ownerUid === undefined || ownerKind !== undefined);
        const isLeft = offeredTo === undefined && !hasOwners && (ownerUidLabel === UID || ownerUidLabel === 'gone');
        assert.ok(offeredTo === OFFER || isLeft);
      }
      const taken = new Set(cluster.filter(({ name }) => name === NAME).map(({ namespace }) => namespace));
      for (const action of actions) assert.equal(action.op === 'create', !taken.has(action.namespace));
    }),
    { numRuns: 500 },
  );
});

// Rule 4
test('a wanted secret is never pruned', () => {
  assertProperty(
    property(targets, secrets, held, (wanted, cluster, what) => {
      const places = new Set(wanted.map(({ namespace }) => namespace));
      for (const { name, namespace } of plan(wanted, cluster, what).prune) {
        assert.ok(name !== NAME || !places.has(namespace));
      }
    }),
    { numRuns: 500 },
  );
});

test('there is no action without a payload', () => {
  assertProperty(
    property(targets, secrets, (wanted, cluster) => assert.deepEqual(plan(wanted, cluster, undefined).actions, [])),
  );
});

test('every target is in exactly one list', () => {
  assertProperty(
    property(targets, secrets, held, (wanted, cluster, what) => {
      const { actions, ready, pending, problems } = plan(wanted, cluster, what);
      const listed = [...actions, ...problems].map(({ namespace }) => namespace);
      assert.deepEqual([...listed, ...ready, ...pending].sort(), wanted.map(({ namespace }) => namespace).sort());
    }),
  );
});

// Rule 9
test('what stands in one namespace changes nothing for another', () => {
  assertProperty(
    property(targets, secrets, secrets, held, (wanted, cluster, other, what) => {
      const elsewhere = (one: { readonly namespace: string }): boolean => one.namespace !== 'a';
      const changed = [...cluster.filter(elsewhere), ...other.filter((one) => !elsewhere(one))];
      const [one, two] = [plan(wanted, cluster, what), plan(wanted, changed, what)];
      assert.deepEqual(one.actions.filter(elsewhere), two.actions.filter(elsewhere));
      assert.deepEqual(one.prune.filter(elsewhere), two.prune.filter(elsewhere));
      assert.deepEqual(one.problems.filter(elsewhere), two.problems.filter(elsewhere));
    }),
    { numRuns: 500 },
  );
});

test('the order in which secrets are seen does not matter', () => {
  assertProperty(
    property(targets, secrets, held, (wanted, cluster, what) => {
      assert.deepEqual(plan(wanted, cluster.toReversed(), what), plan(wanted, cluster, what));
    }),
  );
});
