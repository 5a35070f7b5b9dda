// Covers the check of the layers: it finds each forbidden import.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokenArrows, circles, readLayers, wideComments } from './layers.ts';

const PAGE = `
| layer | folder | knows | may import |
|---|---|---|---|
| 4 | \`src/operator\` | joining | \`operator/state\`, \`core\` |
| 4 | \`src/operator/state\` | what was seen | \`core\` |
| 4 | \`src/operator/login\` | who we are | \`core\` |
| 3 | \`src/kube\` | the API | \`lib\`, \`api/meta\` |
| 2 | \`src/core\` | deciding | \`api\`, \`lib\` |
| 1 | \`src/api\` | names | \`lib\` |
| 0 | \`src/lib\` | words | |
`;
const layers = readLayers(PAGE);

test('a page without the table is an error, not an empty set of rules', () => {
  assert.throws(() => readLayers('# Architecture'), /no layer table/);
});

test('an import upwards is named, whatever form it has', () => {
  for (const text of [
    "import { a } from '../kube/client.ts';",
    "import type { A } from '../kube/client.ts';",
    "import {\n  a,\n  b,\n} from '../kube/client.ts';",
    "export { a } from '../kube/client.ts';",
    "const { a } = await import('../kube/client.ts');",
  ]) {
    assert.deepEqual(brokenArrows('src/core/plan.ts', text, layers), [
      'src/core/plan.ts: may not import kube/client (layer table of ARCHITECTURE.md)',
    ]);
  }
});

test('imports from the own folder, from lower layers and of packages are allowed', () => {
  const text = "import { a } from './b.ts';\nimport { c } from '../lib/time.ts';\nimport { d } from 'node:https';";
  assert.deepEqual(brokenArrows('src/core/plan.ts', text, layers), []);
});

test('where a layer names one file of a folder, the others stay forbidden', () => {
  assert.deepEqual(brokenArrows('src/kube/a.ts', "import { a } from '../api/meta.ts';", layers), []);
  assert.equal(brokenArrows('src/kube/a.ts', "import { a } from '../api/names.ts';", layers).length, 1);
});

test('only tests may use what is there for tests', () => {
  const text = "import { a } from '../../testing/operator/world.ts';";
  assert.deepEqual(brokenArrows('src/core/plan.test.ts', text, layers), []);
  assert.equal(brokenArrows('src/core/plan.ts', text, layers).length, 1);
});

test('a folder that is not in the table is named', () => {
  assert.equal(brokenArrows('src/other/a.ts', '', layers).length, 1);
});

test('a subfolder with a line of its own in the table does not share the rights of its folder or of its siblings', () => {
  const text = (path: string): string => `import type { A } from '${path}';`;
  assert.deepEqual(brokenArrows('src/operator/run.ts', text('./state/view.ts'), layers), []);
  assert.deepEqual(brokenArrows('src/operator/state/view.ts', text('../../core/plan.ts'), layers), []);
  assert.deepEqual(brokenArrows('src/operator/run.ts', text('./login/book.ts'), layers), [
    'src/operator/run.ts: may not import operator/login/book (layer table of ARCHITECTURE.md)',
  ]);
  assert.equal(brokenArrows('src/operator/login/book.ts', text('../state/view.ts'), layers).length, 1);
  assert.equal(brokenArrows('src/operator/state/view.ts', text('../run.ts'), layers).length, 1);
  assert.equal(brokenArrows('src/operator/attic/a.ts', '', layers).length, 1);
});

test('code other than tests imports nothing from outside src, except as text', () => {
  assert.equal(
    brokenArrows('src/core/a.ts', "import { a } from '../../testing/clocks/manual-clock.ts';", layers).length,
    1,
  );
  assert.deepEqual(brokenArrows('src/core/a.ts', "import { version } from '../../package.json' with {};", layers), []);
});

test('an import cycle is named once, also one of type imports', () => {
  const texts = new Map([
    ['src/a.ts', "import { b } from './b.ts';\nimport { z } from './z.ts';"],
    ['src/b.ts', "import type { C } from './deep/c.ts';"],
    ['src/deep/c.ts', "import { a } from '../a.ts';"],
    ['src/z.ts', ''],
  ]);
  assert.deepEqual(circles(texts), ['src/deep/c.ts → src/a.ts → src/b.ts → src/deep/c.ts: a circle of imports']);
  texts.set('src/deep/c.ts', '');
  assert.deepEqual(circles(texts), []);
});

test('a comment of more than 120 columns is named, a long line of code is not', () => {
  const long = 'x'.repeat(120);
  const text = [`// ${long}`, `  /** ${long} */`, `   * ${long}`, `const a = '${long}';`, `// ${'x'.repeat(117)}`].join(
    '\n',
  );
  assert.deepEqual(
    wideComments('src/a.ts', text).map((one) => one.replace(/ a comment.*/, '')),
    ['src/a.ts:1:', 'src/a.ts:2:', 'src/a.ts:3:'],
  );
});
