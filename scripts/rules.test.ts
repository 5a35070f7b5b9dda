// Covers how tests and rules find each other.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { proofsIn, withProofs } from './rules.ts';

const MARKED = `
// Rules 5, 7
describe('a login', () => {
  // Rule 5
  test(\`of \${kind} isn't *late*\`, () => {});
  test('not marked', () => {});
});
`;
const PAGE = '## 5\n<!-- tests of rule 5 -->\n- old\n<!-- end -->\n## 7\n<!-- tests of rule 7 -->\n<!-- end -->\n';

describe('a rule', () => {
  test('lists the tests and suites that name it, by file', () => {
    const page = withProofs(PAGE, [...proofsIn('src/b.test.ts', MARKED), ...proofsIn('src/a.test.ts', MARKED)]);
    assert.equal(
      page,
      "## 5\n<!-- tests of rule 5 -->\n- [src/a.test.ts](../../src/a.test.ts): *a login*; *a login › of ${kind} isn't \\*late\\**\n" +
        "- [src/b.test.ts](../../src/b.test.ts): *a login*; *a login › of ${kind} isn't \\*late\\**\n<!-- end -->\n" +
        '## 7\n<!-- tests of rule 7 -->\n- [src/a.test.ts](../../src/a.test.ts): *a login*\n' +
        '- [src/b.test.ts](../../src/b.test.ts): *a login*\n<!-- end -->\n',
    );
    assert.equal(withProofs(page, [...proofsIn('src/b.test.ts', MARKED), ...proofsIn('src/a.test.ts', MARKED)]), page);
  });

  test('names a test with every suite that it stands in, and with no other', () => {
    const text = `
describe('over', () => {});
describe('an operator', { skip: false }, () => {
  describe('that rests', () => {
    test('is quiet', () => {});
  });
  describe('that works', () => {
    for (const what of ['a', 'b'])
      // Rule 1
      test('writes', () => {});
  });
  // Rule 1
  test('ends', () => {});
});

// Rule 1
test('by itself', () => {});
for (const what of ['a', 'b']) {
  // Rule 1
  test('by itself in a loop', () => {});
}
`;
    assert.deepEqual(
      proofsIn('a.test.ts', text).map(({ name }) => name),
      ['an operator › that works › writes', 'an operator › ends', 'by itself', 'by itself in a loop'],
    );
  });

  test('without a test is an error', () => {
    assert.throws(() => withProofs(PAGE, []), /no test says that it is about rule 5/);
  });

  test('that a test names and that does not exist is an error', () => {
    const proofs = [5, 7, 20].map((rule) => ({ rule, file: 'a.test.ts', name: 'x' }));
    assert.throws(() => withProofs(PAGE, proofs), /a\.test\.ts: there is no rule 20/);
  });

  test('named above something that is no test is an error', () => {
    assert.throws(
      () => proofsIn('a.test.ts', '// Rule 5\nconst x = 1;\n'),
      /a\.test\.ts: "\/\/ Rule 5" is not right above/,
    );
  });
});
