// Covers to whom a Secret is offered, and what the status says of one that is not taken over.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { login, START, seenSecret, UID } from '../../testing/rigs/builders.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../api/names.ts';
import { type KnownObjects, type ObjectName, offerTo, opensMore, whyLeft } from './offers.ts';
import { makePayload } from './plan.ts';
import { NO_TEMPLATE } from './secret-template.ts';
import type { SeenSecret } from './seen-secret.ts';

const CLAIMANT = { uid: UID, kind: NAMESPACED_KIND, namespace: 'ns1', name: 'a', deleting: false } as const;
const TARGET = { namespace: 'ns1', named: true };
const PAYLOAD = makePayload([login('eu-west-1')], 'sha256:1', NO_TEMPLATE, START) ?? assert.fail();
const OTHER = { ownerUid: 'other', ownerKind: CLUSTER_KIND, ownerUidLabel: 'other' } as const;
/** As Velero brings it back. */
const RESTORED = seenSecret('ns1', PAYLOAD, {
  hasOwners: false,
  ownerUid: undefined,
  ownerKind: undefined,
  ownerUidLabel: 'gone',
});
const OFFERED: SeenSecret = { ...RESTORED, ownerUidLabel: undefined, offeredTo: 'AWSECRImagePullSecret/a' };
const isLive = (uid: string): boolean => uid !== 'gone';
const OBJECTS: Readonly<Record<string, ObjectName>> = {
  neighbour: { kind: NAMESPACED_KIND, namespace: 'ns1', name: 'b' },
  stranger: { kind: NAMESPACED_KIND, namespace: 'secret-project', name: 'hidden' },
  other: { kind: CLUSTER_KIND, namespace: undefined, name: 'hidden' },
};
const known: KnownObjects = { isLive, byUid: (uid) => OBJECTS[uid] };

// Rule 1
describe('a secret without an owner that the operator once wrote', () => {
  const rows: Readonly<Record<string, { over: Partial<SeenSecret>; want: ReturnType<typeof offerTo> }>> = {
    'is offered to whoever wants the place': { over: {}, want: 'left' },
    'is offered to the object that its label names': { over: { ownerUidLabel: UID }, want: 'left' },
    'is not offered while another object that its label names exists': {
      over: { ownerUidLabel: 'other' },
      want: undefined,
    },
    'is not offered without the label that names an object': { over: { ownerUidLabel: undefined }, want: undefined },
    'is not offered without the managed-by label': { over: { managed: false }, want: undefined },
    'is not offered when it has an owner of any kind': { over: { hasOwners: true }, want: undefined },
    'is offered to the object that its annotation names': {
      over: { offeredTo: 'AWSECRImagePullSecret/a', ownerUidLabel: 'other', hasOwners: true },
      want: 'asked',
    },
    'is not offered when its annotation names another object': {
      over: { offeredTo: 'AWSECRImagePullSecret/b' },
      want: undefined,
    },
  };
  for (const [outcome, { over, want }] of Object.entries(rows))
    test(outcome, () => assert.equal(offerTo(CLAIMANT, { ...RESTORED, ...over }, isLive), want));

  test('is looked at in its own namespace, since the object that its label names may own Secrets elsewhere only', () => {
    const asked: string[] = [];
    const isLiveThere = (uid: string, namespace: string) => asked.push(`${uid} in ${namespace}`) === 0;
    whyLeft(CLAIMANT, TARGET, RESTORED, { ...known, isLive: isLiveThere });
    assert.deepEqual(asked, ['gone in ns1']);
  });
});

describe('the status says of a secret in the way', () => {
  const ALONE = 'it is left alone: delete it, or create this object again with another secretName';
  const TAKEN = 'secret ecr-login already exists in namespace ns1 and';
  const CHOICE = 'delete it, or offer it';
  const ANNOTATE = 'kubectl annotate secret … aws.zakariaamine.com/adopt=AWSECRImagePullSecret/a';
  const rows: Readonly<Record<string, { seen: SeenSecret; want: string }>> = {
    'that nobody offers which commands offer it': {
      seen: { ...OFFERED, offeredTo: undefined, managed: false },
      want: `${TAKEN} is not ours: ${CHOICE}: kubectl label secret … app.kubernetes.io/managed-by=kube-ecr-secrets-operator; ${ANNOTATE}`,
    },
    'that another object owns only its kind, and the command that hands it over': {
      seen: { ...RESTORED, ...OTHER, hasOwners: true },
      want: `${TAKEN} is kept by another ClusterAWSECRImagePullSecret: ${CHOICE}: ${ANNOTATE}`,
    },
    'that an object of the same namespace owns its name': {
      seen: { ...RESTORED, ownerUid: 'neighbour', ownerKind: NAMESPACED_KIND, hasOwners: true },
      want: `${TAKEN} is kept by AWSECRImagePullSecret b: ${CHOICE}: ${ANNOTATE}`,
    },
    'that an object of another namespace owns, by a uid that somebody wrote there, not its name': {
      seen: { ...RESTORED, ownerUid: 'stranger', ownerKind: NAMESPACED_KIND, hasOwners: true },
      want: `${TAKEN} is kept by another AWSECRImagePullSecret: ${CHOICE}: ${ANNOTATE}`,
    },
    'that somebody says is owned by an object without an uid, its kind': {
      seen: { ...RESTORED, ownerKind: NAMESPACED_KIND, hasOwners: true },
      want: `${TAKEN} is kept by another AWSECRImagePullSecret: ${CHOICE}: ${ANNOTATE}`,
    },
    'that is labelled for an object of the same namespace its name': {
      seen: { ...RESTORED, ownerUidLabel: 'neighbour' },
      want: `${TAKEN} is of AWSECRImagePullSecret b by its label: ${CHOICE}: ${ANNOTATE}`,
    },
    'that is without owner, and labelled for an object that exists': {
      seen: { ...RESTORED, ownerUidLabel: 'other' },
      want: `${TAKEN} is of another object by its label: ${CHOICE}: ${ANNOTATE}`,
    },
    'that has the managed-by label alone': {
      seen: { ...RESTORED, ownerUidLabel: undefined },
      want: `${TAKEN} is not ours: ${CHOICE}: ${ANNOTATE}`,
    },
    'that no offer helps against: its type': {
      seen: { ...OFFERED, offeredTo: undefined, type: 'Opaque' },
      want: `${TAKEN} has type Opaque; ${ALONE}`,
    },
    'that no offer helps against: its controller': {
      seen: { ...OFFERED, offeredTo: undefined, hasOwners: true, ownerUid: 'x' },
      want: `${TAKEN} has another controller as owner; ${ALONE}`,
    },
    'that is offered, of another type': {
      seen: { ...OFFERED, type: 'Opaque' },
      want: `secret ecr-login in namespace ns1 is offered, but has type Opaque; ${ALONE}`,
    },
    'that is offered, and immutable': {
      seen: { ...OFFERED, immutable: true },
      want: `secret ecr-login in namespace ns1 is offered, but is immutable; ${ALONE}`,
    },
    'that is offered, and has another controller': {
      seen: { ...OFFERED, hasOwners: true, ownerUid: 'x' },
      want: `secret ecr-login in namespace ns1 is offered, but has another controller as owner; ${ALONE}`,
    },
    'that is offered without the label': {
      seen: { ...OFFERED, managed: false },
      want: 'secret ecr-login in namespace ns1 is offered, but lacks the label app.kubernetes.io/managed-by=kube-ecr-secrets-operator; it is left alone',
    },
    'that is offered to another object, without its name': {
      seen: { ...OFFERED, offeredTo: 'AWSECRImagePullSecret/secret-project' },
      want: 'secret ecr-login in namespace ns1 is offered, but its annotation aws.zakariaamine.com/adopt does not name AWSECRImagePullSecret/a; it is left alone',
    },
    'that a restore brought back immutable': {
      seen: { ...RESTORED, immutable: true },
      want: `secret ecr-login in namespace ns1 has lost its owner, but is immutable; ${ALONE}`,
    },
  };
  for (const [what, { seen, want }] of Object.entries(rows))
    test(what, () => {
      const { message = '', reason } = whyLeft(CLAIMANT, TARGET, seen, known) ?? {};
      assert.deepEqual([reason, message], ['SecretConflict', want]);
      assert.ok(message.length <= 300, String(message.length));
    });

  test('to an object that is being deleted: it takes over nothing, not even what was its own', () => {
    const words = (seen: SeenSecret) => whyLeft({ ...CLAIMANT, deleting: true }, TARGET, seen, known)?.message;
    assert.equal(words({ ...RESTORED, ownerUidLabel: UID }), `${TAKEN} has lost its owner; ${ALONE}`);
    assert.equal(words(RESTORED), `${TAKEN} is of another object by its label; ${ALONE}`);
    assert.equal(words(OFFERED), `${TAKEN} is not ours; ${ALONE}`);
    assert.equal(words({ ...RESTORED, type: 'Opaque' }), `${TAKEN} has type Opaque; ${ALONE}`);
  });

  test('to an object of the cluster kind without the names in its namespaces', () => {
    const seen = { ...RESTORED, ownerUid: 'neighbour', ownerKind: NAMESPACED_KIND, hasOwners: true } as const;
    const { message } = whyLeft({ ...CLAIMANT, kind: CLUSTER_KIND, namespace: undefined }, TARGET, seen, known) ?? {};
    assert.match(message ?? '', / is kept by another AWSECRImagePullSecret: /);
  });

  test('with long names at least which commands there are', () => {
    const name = 'x'.repeat(60);
    const seen = { ...OFFERED, name, offeredTo: undefined, managed: false };
    const { message = '' } = whyLeft({ ...CLAIMANT, name }, { ...TARGET, namespace: name }, seen, known) ?? {};
    assert.match(message, /offer it: kubectl label secret and kubectl annotate secret, as docs\/status\.md says$/);
    assert.ok(message.length <= 300, String(message.length));
  });

  test('that opens more than the object would, without the hosts', () => {
    const rest =
      'but opens hosts that this object would not, or is no docker config; it is left alone: take them out of it, or create this object again with another secretName';
    assert.equal(opensMore(TARGET, OFFERED).message, `secret ecr-login in namespace ns1 is offered, ${rest}`);
    assert.equal(opensMore(TARGET, RESTORED).message, `secret ecr-login in namespace ns1 has lost its owner, ${rest}`);
  });
});
