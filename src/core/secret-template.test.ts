// Covers labels and annotations that an object wants on its Secrets, and what is left of them on a Secret.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { json } from '../../testing/rigs/builders.ts';
import { TEMPLATE_ANNOTATION } from '../api/names.ts';
import type { JsonRecord } from '../lib/json.ts';
import {
  NO_TEMPLATE,
  parseSecretTemplate,
  type SecretTemplate,
  seenTemplateDigest,
  templatePatch,
} from './secret-template.ts';

type Texts = Readonly<Record<string, string>>;
interface Maps<Map> {
  readonly labels: Map;
  readonly annotations: Map;
}

const parse = (secretTemplate: unknown): SecretTemplate | string => parseSecretTemplate({ secretTemplate });
const template = (secretTemplate: unknown): SecretTemplate => {
  const parsed = parse(secretTemplate);
  return typeof parsed === 'string' ? assert.fail(parsed) : parsed;
};
const TEAM = template({ labels: { team: 'shop' }, annotations: { 'example.com/note': 'of the shop', more: '' } });
const BARE: Maps<Texts> = { labels: {}, annotations: {} };

/** A Secret's labels and annotations after a merge patch. */
function patched(before: Maps<Texts>, patch: Maps<JsonRecord>): Maps<ReadonlyMap<string, string>> {
  const merge = (field: keyof Maps<unknown>): ReadonlyMap<string, string> => {
    const entries = Object.entries({ ...before[field], ...patch[field] });
    return new Map(entries.flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])));
  };
  return { labels: merge('labels'), annotations: merge('annotations') };
}

describe('a template of labels and annotations', () => {
  test('is empty when there is none, and marks no Secret then', () => {
    for (const none of [undefined, {}, { labels: {} }, { annotations: {} }]) {
      assert.deepEqual(template(none), NO_TEMPLATE);
      assert.deepEqual(templatePatch(template(none), new Map()), BARE);
    }
    assert.equal(seenTemplateDigest(new Map([['team', 'shop']]), new Map()), NO_TEMPLATE.digest);
  });

  const many = Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`a${at}`, '']));
  const prefixed = `${`${'a'.repeat(63)}.`.repeat(5)}a/b`;
  for (const [what, secretTemplate, words] of [
    ['that is no map', { labels: 'team' }, /^spec\.secretTemplate\.labels is not a map$/],
    ['of 33 keys', { annotations: many }, /annotations has more than 32 keys$/],
    [
      'with a key that no label can have',
      { labels: { 'a b': '' } },
      /labels has a key that no label or annotation can/,
    ],
    ['with a key of 64 characters', { labels: { ['a'.repeat(64)]: '' } }, /labels has a key that no/],
    ['with a key of a long prefix', { labels: { [prefixed]: '' } }, /labels has a key that no/],
    ['with a prefix of 254 characters', { labels: { [`${'a'.repeat(254)}/b`]: '' } }, /labels has a key that no/],
    ['with a label in capitals before its slash', { labels: { 'Example.com/a': '' } }, /labels has a key that no/],
    ['called like a prototype', { labels: json('{"__proto__": "a"}') }, /labels has a key that no/],
    ["with the operator's label", { labels: { 'app.kubernetes.io/managed-by': 'me' } }, /managed-by, which only the/],
    [
      "with a label of the operator's domain",
      { labels: { 'aws.zakariaamine.com/owner-uid': '' } },
      /owner-uid, which only/,
    ],
    [
      "with the operator's annotation",
      { annotations: { expiry: 'never' } },
      /annotations has the key expiry, which only/,
    ],
    ['with the adopt annotation', { annotations: { 'aws.zakariaamine.com/adopt': 'A/b' } }, /adopt, which only/],
    ['with a number', { labels: { team: 7 } }, /labels has a value that is no text, of team$/],
    ['with a value that no label can have', { labels: { team: 'of the shop' } }, /that no label can have, of team$/],
    ['with a long value', { annotations: { note: 'x'.repeat(1_025) } }, /a value of over 1024 characters, of note$/],
  ] as const) {
    test(`${what} is refused by the name of the field`, () => {
      const answer = parse(secretTemplate);
      assert.match(typeof answer === 'string' ? answer : assert.fail('it was taken'), words);
    });
  }

  test('may have a label called as an annotation of the operator, and the other way around', () => {
    const odd = template({ labels: { expiry: 'soon' }, annotations: { 'app.kubernetes.io/managed-by': 'me' } });
    assert.deepEqual([odd.labels, odd.annotations], [{ expiry: 'soon' }, { 'app.kubernetes.io/managed-by': 'me' }]);
  });

  test('may have whatever Kubernetes takes: prefixes of 253 characters, capitals in those of annotations', () => {
    const keys = [`${'a'.repeat(64)}.example/b`, `${'a'.repeat(253)}/b`];
    const whole = template({
      labels: Object.fromEntries(keys.map((key) => [key, ''])),
      annotations: { 'Example.com/a': '\u{1F433}'.repeat(1_024) },
    });
    assert.equal(Object.keys(whole.labels).length, 2);
    const written = patched(BARE, templatePatch(whole, new Map()));
    assert.equal(seenTemplateDigest(written.labels, written.annotations), whole.digest);
  });

  test('is on a Secret once it was written, and is no longer when any key of it was changed or taken off', () => {
    const { labels, annotations } = patched(BARE, templatePatch(TEAM, new Map()));
    assert.equal(seenTemplateDigest(labels, annotations), TEAM.digest);
    const without = new Map([...annotations].filter(([key]) => key !== TEMPLATE_ANNOTATION));
    for (const [found, noted] of [
      [new Map([['team', 'other']]), annotations],
      [new Map<string, string>(), annotations],
      [labels, new Map([...annotations, ['example.com/note', 'else']])],
      [labels, without],
      [labels, new Map([...annotations, [TEMPLATE_ANNOTATION, 'no JSON']])],
    ] as const)
      assert.notEqual(seenTemplateDigest(found, noted), TEAM.digest);
    const further = new Map([...labels, ['more', 'of others']]);
    assert.equal(seenTemplateDigest(further, annotations), TEAM.digest, 'what others add stays');
  });

  test('that loses keys takes them off the Secret, and nothing of others', () => {
    const written = patched({ labels: { theirs: 'a' }, annotations: { theirs: 'b' } }, templatePatch(TEAM, new Map()));
    const before = { labels: Object.fromEntries(written.labels), annotations: Object.fromEntries(written.annotations) };
    const less = template({ annotations: { more: 'x' } });
    const after = patched(before, templatePatch(less, written.annotations));
    assert.deepEqual(Object.fromEntries(after.labels), { theirs: 'a' });
    assert.deepEqual([...after.annotations.keys()].sort(), [TEMPLATE_ANNOTATION, 'more', 'theirs'].sort());
    assert.equal(seenTemplateDigest(after.labels, after.annotations), less.digest);
    const none = patched(before, templatePatch(NO_TEMPLATE, written.annotations));
    assert.deepEqual([[...none.labels], [...none.annotations]], [[['theirs', 'a']], [['theirs', 'b']]]);
  });

  test('never takes off a label of the operator, whatever the annotation on the Secret claims', () => {
    const claimed = ['aws.zakariaamine.com/owner-uid', 'app.kubernetes.io/managed-by', 'a b', 7];
    const claims = new Map([[TEMPLATE_ANNOTATION, JSON.stringify({ labels: claimed, annotations: ['expiry'] })]]);
    const { labels, annotations } = templatePatch(NO_TEMPLATE, claims);
    assert.deepEqual([labels, annotations], [{}, { [TEMPLATE_ANNOTATION]: null }]);
    const long = JSON.stringify({ labels: Array.from({ length: 5_000 }, (_, at) => `key-${at}`) });
    assert.deepEqual(templatePatch(NO_TEMPLATE, new Map([[TEMPLATE_ANNOTATION, long]])).labels, {});
  });
});
