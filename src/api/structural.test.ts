// Covers the linter of CRD schemas: it finds each thing that Kubernetes, or the project's own rules, forbid.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonRecord } from '../lib/json.ts';
import { structuralProblems } from './structural.ts';

const text = { type: 'string', description: 'A text.' };

/** A good schema with `node` as the property `spec.part`. */
function around(node: unknown): JsonRecord {
  return {
    type: 'object',
    description: 'A kind.',
    properties: {
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: { type: 'object', description: 'What is wanted.', required: ['part'], properties: { part: node } },
    },
  };
}

const PART = 'schema.spec.part';

describe('a good schema', () => {
  const good: Readonly<Record<string, unknown>> = {
    'may hold texts': text,
    'may hold lists of texts, whose items need no description': {
      type: 'array',
      description: 'Texts.',
      items: { type: 'string' },
    },
    'may hold maps, whose values need no description': {
      type: 'object',
      description: 'Labels.',
      additionalProperties: { type: 'string' },
    },
    'may have a rule on a text with a bound': {
      ...text,
      maxLength: 5,
      'x-kubernetes-validations': [{ rule: 'self == oldSelf' }],
    },
    'may have a rule on an object': {
      type: 'object',
      description: 'A pair.',
      properties: { a: text },
      'x-kubernetes-validations': [{ rule: 'has(self.a)' }],
    },
    'may have properties that are called like forbidden words': {
      type: 'object',
      description: 'Words.',
      properties: { not: text, const: text },
    },
  };
  for (const [outcome, node] of Object.entries(good)) {
    test(outcome, () => assert.deepEqual(structuralProblems(around(node)), []));
  }
});

describe('the linter finds', () => {
  const bad: Readonly<Record<string, readonly [unknown, string]>> = {
    'a node that is no object': ['string', `${PART}: not an object`],
    'a node without a type': [{ description: 'A text.' }, `${PART}: has no type`],
    'a type that is a list': [{ ...text, type: ['string', 'null'] }, `${PART}: has no type`],
    'a node without a description': [{ type: 'string' }, `${PART}: has no description`],
    'properties beside additionalProperties': [
      { type: 'object', description: 'Both.', properties: {}, additionalProperties: { type: 'string' } },
      `${PART}: properties beside additionalProperties`,
    ],
    'a required name that is no property': [
      { type: 'object', description: 'A pair.', required: ['b'], properties: { a: text } },
      `${PART}: requires the unknown b`,
    ],
    'a rule on a text without a bound': [
      { ...text, 'x-kubernetes-validations': [] },
      `${PART}: has a CEL rule and no maxLength`,
    ],
    'a rule on a list': [
      { type: 'array', description: 'Texts.', items: { type: 'string' }, 'x-kubernetes-validations': [] },
      `${PART}: has a CEL rule on a list (a rule that iterates a list can refuse objects that the original stored)`,
    ],
    'a fault in the items of a list': [
      { type: 'array', description: 'Texts.', items: { oneOf: [], type: 'string' } },
      `${PART}[]: holds oneOf`,
    ],
    'a list whose items are no schema': [
      { type: 'array', description: 'Texts.', items: [] },
      `${PART}[]: not an object`,
    ],
    'a fault in the values of a map': [
      { type: 'object', description: 'Labels.', additionalProperties: {} },
      `${PART}.*: has no type`,
    ],
  };
  for (const [what, [node, problem]] of Object.entries(bad)) {
    test(what, () => assert.deepEqual(structuralProblems(around(node)), [problem]));
  }

  const forbidden = ['$ref', '$schema', 'const', 'definitions', 'patternProperties', 'propertyNames'];
  for (const word of [...forbidden, 'oneOf', 'anyOf', 'allOf', 'not']) {
    test(`the keyword ${word}`, () => {
      assert.deepEqual(structuralProblems(around({ ...text, [word]: {} })), [`${PART}: holds ${word}`]);
    });
  }

  test('every fault, not only the first', () => {
    const node = { type: 'object', properties: { a: { anyOf: [] }, b: {} } };
    assert.equal(structuralProblems(around(node)).length, 6);
  });
});
