// Holds the plan for a ServiceAccount against any account: it settles, and touches nothing but the operator's entries.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as assertProperty, boolean, constantFrom, dictionary, property, record } from 'fast-check';
import { type AttachmentPlan, attachedIn, attachmentPatch, type Claim, planAttachment } from './attachment.ts';

const NAMES = ['a', 'b', 'c', 'a.b', 'constructor'];
const name = constantFrom(...NAMES);
const account = record({
  pullSecrets: array(name, { maxLength: 6 }),
  attached: dictionary(name, constantFrom('one', 'two')).map((entries) => new Map(Object.entries(entries))),
  isTooLarge: constantFrom(false),
});
const claims = dictionary(name, constantFrom('one', 'two')).map((entries) =>
  Object.entries(entries).map(([secretName, uid]): Claim => ({ secretName, uid })),
);

/** Of a list, how often each name is in it. */
function counts(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(NAMES.map((one) => [one, names.filter((other) => other === one).length]));
}

test('a second plan after the first one changes nothing', () => {
  assertProperty(
    property(account, claims, boolean(), (before, wanted, isKept) => {
      const plan = planAttachment(before, wanted, () => isKept);
      if (!plan) return;
      const after = { ...plan, isTooLarge: false };
      assert.equal(
        planAttachment(after, wanted, () => isKept),
        undefined,
      );
    }),
  );
});

test('every claim is among the names, and what the annotation does not list stays in its order', () => {
  assertProperty(
    property(account, claims, boolean(), (before, wanted, isKept) => {
      const { pullSecrets } = planAttachment(before, wanted, () => isKept) ?? before;
      for (const { secretName } of wanted) assert.ok(pullSecrets.includes(secretName));
      const foreign = (names: readonly string[]): readonly string[] => names.filter((one) => !before.attached.has(one));
      assert.deepEqual(foreign(pullSecrets).slice(0, foreign(before.pullSecrets).length), foreign(before.pullSecrets));
      for (const [one, count] of counts(before.pullSecrets)) {
        const left = counts(pullSecrets).get(one) ?? 0;
        assert.ok(left >= count - (before.attached.has(one) ? 1 : 0));
      }
    }),
  );
});

test('the annotation lists nothing that was there without being listed, and only what is there', () => {
  assertProperty(
    property(account, claims, boolean(), (before, wanted, isKept) => {
      const plan: AttachmentPlan | undefined = planAttachment(before, wanted, () => isKept);
      if (!plan) return;
      for (const one of plan.attached.keys()) {
        assert.ok(plan.pullSecrets.includes(one));
        assert.ok(before.attached.has(one) || !before.pullSecrets.includes(one));
      }
    }),
  );
});

test('the annotation of a patch is read as it was written', () => {
  assertProperty(
    property(account, claims, (before, wanted) => {
      const plan = planAttachment(before, wanted, () => true);
      if (!plan) return;
      const { metadata } = attachmentPatch({ uid: 'u', resourceVersion: '1' }, plan);
      const [text] = Object.values((metadata as { annotations: Record<string, string | null> }).annotations);
      const read = attachedIn(text ?? undefined);
      assert.equal(read.size, plan.attached.size);
      for (const [one, uid] of plan.attached) assert.equal(read.get(one), uid);
    }),
  );
});
