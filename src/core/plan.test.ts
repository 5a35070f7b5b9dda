// Covers the plan of one object's Secrets, case by case.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { after, hostOf, login, START, seenSecret, UID } from '../../testing/rigs/builders.ts';
import { NAMESPACED_KIND } from '../api/names.ts';
import { HOUR } from '../lib/time.ts';
import type { Target } from './desired.ts';
import { readDockerConfig } from './docker-config.ts';
import {
  conflict,
  contentDigest,
  isOwned,
  makePayload,
  needsWholeList,
  opensMore,
  type Payload,
  planSecrets,
  type SeenSecret,
  sizeProblem,
} from './plan.ts';
import { NO_TEMPLATE } from './secret-template.ts';

const CLAIMANT = { uid: UID, kind: NAMESPACED_KIND, name: 'a', deleting: false } as const;
const rivals: ReadonlyMap<string, string> = new Map();
const OTHER_UID = '7f6f6f0a-0000-4000-8000-000000000002';
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

/** The plan for namespace ns1 with `seen` in it. */
function planFor(seen: SeenSecret | undefined, held: Payload | undefined = payload) {
  const all = seen ? [seen] : [];
  const seenByNamespace = new Map(all.map((secret) => [secret.namespace, secret]));
  return planSecrets(CLAIMANT, [target('ns1')], { seen: seenByNamespace, owned: all, rivals }, held);
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
    'that belongs to nobody is a conflict, whatever its labels say': {
      seen: { ...good, ownerUid: undefined },
      want: { problems: ['SecretConflict'] },
    },
    'of another type is a conflict, whatever owner its reference names': {
      seen: { ...good, type: 'Opaque' },
      want: { problems: ['SecretConflict'] },
    },
    'that is foreign is a conflict even while there is no login': {
      seen: { ...good, ownerUid: undefined },
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
              { seen: new Map(seen ? [['ns1', seen]] : []), owned: seen ? [seen] : [], rivals },
              undefined,
            )
          : planFor(seen);
      assert.deepEqual(summary(plan), { ...nothing, ...want });
    });
  }

  test('keeps whether its namespace was named', () => {
    const targets = [target('ns1', true), target('ns2', false)];
    const foreign = seenSecret('ns2', payload, { ownerUid: undefined });
    const plan = planSecrets(CLAIMANT, targets, { seen: new Map([['ns2', foreign]]), owned: [], rivals }, payload);
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
    planSecrets(CLAIMANT, [target('ns1')], { seen: new Map([['ns1', good]]), owned, rivals }, payload).prune;

  test('is pruned when its namespace left the targets', () =>
    assert.deepEqual(prunedOf([good, elsewhere]), [elsewhere]));

  test('is pruned when it has a former name', () => {
    const former = { ...good, name: 'former', uid: 'uid-of-former' };
    assert.deepEqual(prunedOf([good, former]), [former]);
  });

  test('is pruned though there is no login', () => {
    assert.deepEqual(planSecrets(CLAIMANT, [], { seen: new Map(), owned: [elsewhere], rivals }, undefined).prune, [
      elsewhere,
    ]);
  });

  test('is left alone when only its label says that the object owns it', () => {
    assert.deepEqual(prunedOf([{ ...elsewhere, ownerUid: OTHER_UID }]), []);
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

  test('in conflict is reported without the name of the other owner', () => {
    const begin = 'secret ecr-login already exists in namespace ns1 and ';
    assert.match(
      opensMore('ns1', true, 'ecr-login').message,
      /^secret ecr-login in namespace ns1 is offered, but opens hosts /,
    );
    const message = (over: Partial<SeenSecret>): string => conflict('ns1', true, { ...good, ...over }).message;
    assert.ok(message({ ownerKind: undefined }).startsWith(`${begin}belongs to something else; it is left alone: `));
    assert.ok(message({}).startsWith(`${begin}is kept by another AWSECRImagePullSecret; it is left alone: `));
    assert.ok(message({ type: 'Opaque' }).startsWith(`${begin}has type Opaque; it is left alone: `));
  });
});

describe('a secret of another owner', () => {
  const offeredTo = 'AWSECRImagePullSecret/a';
  const foreign: SeenSecret = {
    ...good,
    ownerUid: undefined,
    ownerKind: undefined,
    ownerUidLabel: undefined,
    offeredTo,
  };
  const ops = (seen: SeenSecret, held?: Payload): readonly string[] =>
    planSecrets(CLAIMANT, [target('ns1')], { seen: new Map([['ns1', seen]]), owned: [], rivals }, held).actions.map(
      ({ op }) => op,
    );

  test('is adopted when it was offered', () => {
    assert.deepEqual(ops(foreign, payload), ['adopt']);
  });

  test('is handed over from another pull secret object when it was offered', () => {
    assert.deepEqual(ops({ ...foreign, ownerUid: OTHER_UID, ownerKind: 'ClusterAWSECRImagePullSecret' }, payload), [
      'adopt',
    ]);
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
    test(outcome, () => assert.deepEqual(ops({ ...foreign, ...over }, payload), []));
  }

  test('is left alone when the object it was offered to is being deleted', () => {
    const found = { seen: new Map([['ns1', foreign]]), owned: [], rivals };
    assert.deepEqual(planSecrets({ ...CLAIMANT, deleting: true }, [target('ns1')], found, payload).actions, []);
  });

  test('is left alone while there is no login to put into it', () => {
    assert.deepEqual(ops(foreign), []);
  });
});

describe('a secret that an older object wants too', () => {
  const older = new Map([['ns1', 'ClusterAWSECRImagePullSecret']]);

  test('is left to that object while it does not exist', () => {
    const { actions, problems } = planSecrets(
      CLAIMANT,
      [target('ns1')],
      { seen: new Map(), owned: [], rivals: older },
      payload,
    );
    assert.deepEqual(actions, []);
    assert.equal(problems[0]?.reason, 'SecretConflict');
    assert.equal(
      problems[0]?.message,
      'an older ClusterAWSECRImagePullSecret wants the same secret in namespace ns1: choose a different name',
    );
  });

  test('stays with the object that has it', () => {
    const found = { seen: new Map([['ns1', good]]), owned: [good], rivals: older };
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
