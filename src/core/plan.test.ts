// Covers the plan of one object's Secrets, case by case.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { after, hostOf, login, START, seenSecret, UID } from '../../testing/rigs/builders.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../api/names.ts';
import { HOUR } from '../lib/time.ts';
import type { Target } from './desired.ts';
import { readDockerConfig } from './docker-config.ts';
import type { ObjectName } from './offers.ts';
import {
  contentDigest,
  isAsWanted,
  isOwned,
  makePayload,
  needsWholeList,
  type Payload,
  planSecrets,
  sizeProblem,
} from './plan.ts';
import { NO_TEMPLATE } from './secret-template.ts';
import type { SeenSecret } from './seen-secret.ts';

const CLAIMANT = { uid: UID, kind: NAMESPACED_KIND, namespace: 'ns1', name: 'a', deleting: false } as const;
const OTHER_UID = '7f6f6f0a-0000-4000-8000-000000000002';
/** The other object lives, and wants nothing here. */
const nobodyElse = {
  rivals: new Map<string, ObjectName>(),
  isLive: (uid: string) => uid === OTHER_UID || uid === UID,
  byUid: () => undefined,
};
const payload: Payload = {
  content: 'e30=',
  hosts: [hostOf('eu-west-1')],
  contentDigest: contentDigest('e30='),
  inputs: 'sha256:1',
  endsAt: after(12 * HOUR),
  expiry: '2023-10-05T08:45:52Z',
  template: NO_TEMPLATE,
};
const target = (namespace: string, named = true): Target => ({ namespace, named });
const good = seenSecret('ns1', payload);
/** As a restore leaves a Secret: without owner references. */
const ownerless = { hasOwners: false, ownerUid: undefined, ownerKind: undefined } as const;

/** The plan for namespace ns1 with `seen` in it. */
function planFor(seen: SeenSecret | undefined, held: Payload | undefined = payload) {
  const all = seen ? [seen] : [];
  const seenByNamespace = new Map(all.map((secret) => [secret.namespace, secret]));
  return planSecrets(CLAIMANT, [target('ns1')], { seen: seenByNamespace, owned: all, ...nobodyElse }, held);
}

describe('a wanted secret', () => {
  const summary = (plan: ReturnType<typeof planFor>) => ({
    ops: plan.actions.map(({ op }) => op),
    ready: plan.ready,
    pending: plan.pending,
    problems: plan.problems.map(({ reason }) => reason),
    prune: plan.prune.length,
  });
  const nothing = { ops: [], ready: [], pending: [], problems: [], prune: 0 };

  const rows: Readonly<Record<string, { seen: SeenSecret | undefined; held?: 'nothing'; want: object }>> = {
    'is created when it is not there': { seen: undefined, want: { ops: ['create'] } },
    'waits for the first login': { seen: undefined, held: 'nothing', want: { pending: ['ns1'] } },
    'is left alone when it is as wanted': { seen: good, want: { ready: ['ns1'] } },
    'stays as it is when there is no login to write': {
      seen: { ...good, contentDigest: 'sha256:old' },
      held: 'nothing',
      want: { ready: ['ns1'] },
    },
    'is updated when its content is another': {
      seen: { ...good, contentDigest: 'sha256:x' },
      want: { ops: ['update'] },
    },
    'is updated when it was made from other inputs': {
      seen: { ...good, inputs: undefined },
      want: { ops: ['update'] },
    },
    'is updated when it tells another expiry': { seen: { ...good, expiry: 'never' }, want: { ops: ['update'] } },
    'is updated when it lacks the managed-by label': { seen: { ...good, managed: false }, want: { ops: ['update'] } },
    'is updated when it lacks the label with the owner': {
      seen: { ...good, ownerUidLabel: undefined },
      want: { ops: ['update'] },
    },
    'is replaced when it is immutable and stale': {
      seen: { ...good, immutable: true, inputs: 'sha256:0' },
      want: { ops: ['replace'] },
    },
    'is left alone when it is immutable and as wanted': {
      seen: { ...good, immutable: true },
      want: { ready: ['ns1'] },
    },
    'is as good as any while something holds its deletion': {
      seen: { ...good, deleting: true },
      want: { ready: ['ns1'] },
    },
    'is updated while something holds its deletion, since it is read until it is gone': {
      seen: { ...good, deleting: true, inputs: undefined },
      want: { ops: ['update'] },
    },
    'is a problem when it can be neither updated nor replaced, since something holds its deletion': {
      seen: { ...good, deleting: true, immutable: true, inputs: undefined },
      want: { problems: ['SecretTerminating'] },
    },
    'that belongs to another object is a conflict': {
      seen: { ...good, ownerUid: OTHER_UID },
      want: { problems: ['SecretConflict'] },
    },
    'that belongs to nobody is a conflict when no label says that the operator wrote it': {
      seen: { ...good, ...ownerless, ownerUidLabel: undefined },
      want: { problems: ['SecretConflict'] },
    },
    'that lost its owner reference is taken back by the object that its label names': {
      seen: { ...good, ...ownerless },
      want: { ops: ['adopt'] },
    },
    'that lost its owner, which is gone, is taken over': {
      seen: { ...good, ...ownerless, ownerUidLabel: 'gone' },
      want: { ops: ['adopt'] },
    },
    'that lost its owner waits for the first login': {
      seen: { ...good, ...ownerless, ownerUidLabel: 'gone' },
      held: 'nothing',
      want: { pending: ['ns1'] },
    },
    'that lost the reference to another object, which is there, is a conflict': {
      seen: { ...good, ...ownerless, ownerUidLabel: OTHER_UID },
      want: { problems: ['SecretConflict'] },
    },
    'of another type is a conflict, whatever owner its reference names': {
      seen: { ...good, type: 'Opaque' },
      want: { problems: ['SecretConflict'] },
    },
    'that is foreign is a conflict even while there is no login': {
      seen: { ...good, ...ownerless, managed: false },
      held: 'nothing',
      want: { problems: ['SecretConflict'] },
    },
  };
  for (const [outcome, { seen, held, want }] of Object.entries(rows)) {
    test(outcome, () => {
      const plan =
        held === 'nothing'
          ? planSecrets(
              CLAIMANT,
              [target('ns1')],
              { seen: new Map(seen ? [['ns1', seen]] : []), owned: seen ? [seen] : [], ...nobodyElse },
              undefined,
            )
          : planFor(seen);
      assert.deepEqual(summary(plan), { ...nothing, ...want });
    });
  }

  test('keeps whether its namespace was named', () => {
    const targets = [target('ns1', true), target('ns2', false)];
    const foreign = seenSecret('ns2', payload, { ...ownerless, managed: false });
    const plan = planSecrets(
      CLAIMANT,
      targets,
      { seen: new Map([['ns2', foreign]]), owned: [], ...nobodyElse },
      payload,
    );
    assert.deepEqual(plan.actions, [{ op: 'create', namespace: 'ns1', named: true }]);
    assert.deepEqual(
      plan.problems.map(({ namespace, named }) => [namespace, named]),
      [['ns2', false]],
    );
  });

  test('is written with the version that was seen', () => {
    const stale = { ...good, contentDigest: 'sha256:old' };
    assert.deepEqual(planFor(stale).actions, [{ op: 'update', namespace: 'ns1', named: true, seen: stale }]);
  });
});

describe('a secret that is no longer wanted', () => {
  const elsewhere = seenSecret('ns9', payload);
  const prunedOf = (owned: readonly SeenSecret[]) =>
    planSecrets(CLAIMANT, [target('ns1')], { seen: new Map([['ns1', good]]), owned, ...nobodyElse }, payload).prune;

  test('is pruned when its namespace left the targets', () =>
    assert.deepEqual(prunedOf([good, elsewhere]), [elsewhere]));

  test('is pruned when it has a former name', () => {
    const former = { ...good, name: 'former', uid: 'uid-of-former' };
    assert.deepEqual(prunedOf([good, former]), [former]);
  });

  test('is pruned though there is no login', () => {
    assert.deepEqual(
      planSecrets(CLAIMANT, [], { seen: new Map(), owned: [elsewhere], ...nobodyElse }, undefined).prune,
      [elsewhere],
    );
  });

  test('is left alone when only its label says that the object owns it', () => {
    assert.deepEqual(prunedOf([{ ...elsewhere, ownerUid: OTHER_UID }]), []);
    assert.deepEqual(prunedOf([{ ...elsewhere, ...ownerless }]), []);
    assert.deepEqual(prunedOf([{ ...elsewhere, type: 'Opaque' }]), []);
  });

  test('is left alone while it is being deleted', () =>
    assert.deepEqual(prunedOf([{ ...elsewhere, deleting: true }]), []));

  test('is listed in order of namespace and name', () => {
    const places = ['c', 'a', 'b'].map((namespace) => seenSecret(namespace, payload));
    assert.deepEqual(
      prunedOf(places).map(({ namespace }) => namespace),
      ['a', 'b', 'c'],
    );
  });
});

describe('many deletions', () => {
  const rows: Readonly<Record<string, { deletions: number; owned: number; want: boolean }>> = {
    'need no second look when there are ten': { deletions: 10, owned: 10, want: false },
    'need a second look when there are eleven of few': { deletions: 11, owned: 50, want: true },
    'need no second look when they are a fifth of many': { deletions: 20, owned: 100, want: false },
    'need a second look when they are more than a fifth of many': { deletions: 21, owned: 100, want: true },
  };
  for (const [outcome, { deletions, owned, want }] of Object.entries(rows)) {
    test(outcome, () => assert.equal(needsWholeList(deletions, owned), want));
  }
});

describe('ownership', () => {
  test('is the owner having the uid, and the type', () => {
    assert.equal(isOwned({ ...good, ownerUid: UID }, UID), true);
    assert.equal(isOwned({ ...good, ownerUid: OTHER_UID }, UID), false);
    assert.equal(isOwned({ ...good, type: 'kubernetes.io/tls' }, UID), false);
  });

  test('is not all that makes a secret as wanted: its content and its labels do too', () => {
    assert.equal(isAsWanted(good, UID, payload), true);
    const others: readonly Partial<SeenSecret>[] = [
      { ownerUid: OTHER_UID },
      { managed: false },
      { ownerUidLabel: OTHER_UID },
      { contentDigest: 'sha256:2' },
      { inputs: 'sha256:2' },
      { expiry: undefined },
      { templateDigest: 'sha256:2' },
    ];
    for (const other of others) assert.equal(isAsWanted({ ...good, ...other }, UID, payload), false);
  });
});

describe('a secret of another owner', () => {
  const offeredTo = 'AWSECRImagePullSecret/a';
  const foreign: SeenSecret = {
    ...good,
    ...ownerless,
    ownerUidLabel: undefined,
    offeredTo,
  };
  const ops = (seen: SeenSecret): readonly string[] => {
    const found = { seen: new Map([['ns1', seen]]), owned: [], ...nobodyElse };
    return planSecrets(CLAIMANT, [target('ns1')], found, payload).actions.map(({ op }) => op);
  };

  test('is adopted when it was offered', () => {
    assert.deepEqual(ops(foreign), ['adopt']);
  });

  test('is handed over from another pull secret object when it was offered', () => {
    assert.deepEqual(ops({ ...foreign, ownerUid: OTHER_UID, ownerKind: 'ClusterAWSECRImagePullSecret' }), ['adopt']);
  });

  const left: Readonly<Record<string, Partial<SeenSecret>>> = {
    'is left alone when it was not offered': { offeredTo: undefined },
    'is left alone when it was offered to another object': { offeredTo: 'AWSECRImagePullSecret/b' },
    'is left alone when it was offered to the other kind': {
      offeredTo: 'ClusterAWSECRImagePullSecret/a',
    },
    'is left alone without our label': { managed: false },
    'is left alone when it is of another type': { type: 'Opaque' },
    'is left alone when it is immutable': { immutable: true },
    'is left alone when another controller owns it': { ownerUid: OTHER_UID },
  };
  for (const [outcome, over] of Object.entries(left)) {
    test(outcome, () => assert.deepEqual(ops({ ...foreign, ...over }), []));
  }

  test('is left alone when the object it was offered to is being deleted', () => {
    const found = { seen: new Map([['ns1', foreign]]), owned: [], ...nobodyElse };
    assert.deepEqual(planSecrets({ ...CLAIMANT, deleting: true }, [target('ns1')], found, payload).actions, []);
  });

  test('is left alone while there is no login to put into it, and waited for', () => {
    const found = { seen: new Map([['ns1', foreign]]), owned: [], ...nobodyElse };
    const { actions, pending } = planSecrets(CLAIMANT, [target('ns1')], found, undefined);
    assert.deepEqual([actions, pending], [[], ['ns1']]);
  });
});

describe('a secret that an older object wants too', () => {
  const older = new Map([['ns1', { kind: CLUSTER_KIND, namespace: undefined, name: 'hidden' } as const]]);

  test('is left to that object while it does not exist', () => {
    const { actions, problems } = planSecrets(
      CLAIMANT,
      [target('ns1')],
      { seen: new Map(), owned: [], ...nobodyElse, rivals: older },
      payload,
    );
    assert.deepEqual(actions, []);
    assert.equal(problems[0]?.reason, 'SecretConflict');
    assert.equal(
      problems[0]?.message,
      'an older ClusterAWSECRImagePullSecret wants the same secret in namespace ns1: create this object again with another secretName',
    );
  });

  test('is left to that object by its name when that is in the same namespace', () => {
    const rivals = new Map([['ns1', { kind: NAMESPACED_KIND, namespace: 'ns1', name: 'b' } as const]]);
    const found = { seen: new Map(), owned: [], ...nobodyElse, rivals };
    const { problems } = planSecrets(CLAIMANT, [target('ns1')], found, payload);
    assert.match(
      problems[0]?.message ?? '',
      /^the older AWSECRImagePullSecret b wants the same secret in namespace ns1:/,
    );
  });

  test('is left to that object when it lost an owner that is gone, and not when it is offered to this one by name', () => {
    const orphan = { ...good, ...ownerless, ownerUidLabel: 'gone' };
    const opsFor = (seen: SeenSecret): readonly string[] => {
      const found = { seen: new Map([['ns1', seen]]), owned: [], ...nobodyElse, rivals: older };
      return planSecrets(CLAIMANT, [target('ns1')], found, payload).actions.map(({ op }) => op);
    };
    assert.deepEqual(opsFor(orphan), []);
    assert.deepEqual(opsFor({ ...orphan, offeredTo: 'AWSECRImagePullSecret/a' }), ['adopt']);
    assert.deepEqual(opsFor({ ...orphan, ownerUidLabel: UID }), ['adopt']);
  });

  test('stays with the object that has it', () => {
    const found = { seen: new Map([['ns1', good]]), owned: [good], ...nobodyElse, rivals: older };
    assert.deepEqual(planSecrets(CLAIMANT, [target('ns1')], found, payload).ready, ['ns1']);
  });
});

describe('a payload', () => {
  test('holds the logins that have not ended, and has the earliest end', () => {
    const ended = login('us-east-1', { expiresAt: START });
    const first = login('eu-central-1', { expiresAt: after(HOUR) });
    const made = makePayload([ended, login('eu-west-1'), first], 'sha256:1', NO_TEMPLATE, START);
    const hosts = [...readDockerConfig(made?.content ?? '').keys()];
    assert.deepEqual(
      hosts.map((host) => host.split('.')[3]),
      ['eu-central-1', 'eu-west-1'],
    );
    assert.equal(made?.expiry, '2023-10-04T21:45:52Z');
    assert.equal(made.inputs, 'sha256:1');
    assert.equal(made.contentDigest, contentDigest(made.content));
  });

  test('is not made when every login has ended: an old token may still pull, a missing one cannot', () => {
    assert.equal(makePayload([login('eu-west-1')], 'sha256:1', NO_TEMPLATE, after(12 * HOUR)), undefined);
    assert.equal(makePayload([], 'sha256:1', NO_TEMPLATE, START), undefined);
  });
});

describe('content that no secret can hold', () => {
  const many = (hosts: number) =>
    login('eu-west-1', {
      password: 'x'.repeat(2_000),
      hosts: Array.from({ length: hosts }, (_, n) => `h${n}.example`),
    });

  test('is reported with its size and the remedy', () => {
    assert.equal(sizeProblem([many(200)]), undefined);
    assert.equal(
      sizeProblem([many(400)]),
      'the pull secret would hold 400 hosts and 1.8 MiB, but Kubernetes takes 1 MiB: name fewer regions, accounts or hosts in spec.registries',
    );
  });

  test('is reported without being made', () => {
    const huge = login('eu-west-1', { password: 'x'.repeat(60_000), hosts: Array.from({ length: 4_000 }, String) });
    assert.match(sizeProblem(Array.from({ length: 40 }, () => huge)) ?? '', /160000 hosts/);
  });
});
