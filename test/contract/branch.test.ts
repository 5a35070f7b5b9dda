// The name of the branch: a link to a branch that is not there leads nowhere, and a workflow that waits for it never
// runs.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';

const BRANCH = 'master';
const REPOSITORY = String.raw`github(?:usercontent)?\.com/zak905/kube-ecr-secrets-operator`;
const FILES = globSync(['*.md', '{docs,charts,examples,gitops,scripts,.github}/**/*.{md,yaml,yml,ts,json,txt}']).sort();

/** Branches and tags in links to files of the repository. */
const refsIn = (text: string): readonly string[] =>
  [...text.matchAll(new RegExp(`${REPOSITORY}/(?:(?:blob|tree|raw|edit)/)?(\\w[\\w.-]*)/\\S`, 'g'))]
    .map(([, ref = '']) => ref)
    .filter((ref) => !['releases', 'security', 'issues', 'actions', 'pull', 'pulls', 'discussions'].includes(ref));

describe('the branch', () => {
  test('has one name in all links to files of the repository', () => {
    const found = FILES.flatMap((file) => refsIn(readFileSync(file, 'utf8')).map((ref) => ({ file, ref })));
    assert.ok(found.length > 10, `${found.length} links`);
    assert.deepEqual(
      found.filter(({ ref }) => ref !== BRANCH),
      [],
    );
  });

  test('is the one at whose changes the checks run', () => {
    for (const file of globSync('.github/workflows/*.yml')) {
      const { on } = parse(readFileSync(file, 'utf8')) as { on: { push?: { branches?: readonly string[] } } };
      const { branches } = on.push ?? {};
      if (branches !== undefined) assert.deepEqual(branches, [BRANCH], file);
    }
    assert.match(readFileSync('.github/workflows/ci.yml', 'utf8'), /^ {4}branches: /m);
  });
});
