import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { problemsOf } from './dockerfile.ts';

const GOOD = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8');

describe('the Dockerfile', () => {
  test('has no error', () => {
    assert.deepEqual(problemsOf(GOOD), []);
  });

  test('may name each base image with or without its digest', () => {
    const digest = `@sha256:${'0'.repeat(64)}`;
    const plain = GOOD.replaceAll(/@sha256:[0-9a-f]{64}/g, '');
    const pinned = plain.replaceAll(/^(FROM .*?(?:slim|nonroot))/gm, `$1${digest}`);
    assert.equal(pinned.split(digest).length, 3);
    for (const text of [plain, pinned]) assert.deepEqual(problemsOf(text), []);
    assert.match(problemsOf(pinned.replaceAll(digest, '@sha256:0')).join('\n'), /no longer is a distroless/);
  });

  for (const [what, from, to, words] of [
    ['a misspelt instruction', 'EXPOSE 8080', 'EXPOS 8080', /Unknown instruction: EXPOS/],
    ['root', 'USER 65532:65532', 'USER root', /no longer runs as 65532 by number/],
    ['another base', 'nodejs24-debian13:nonroot', 'nodejs24-debian13:debug', /no longer is a distroless/],
    ['more than the bundle', 'USER', 'COPY --from=build /source /source\nUSER', /something beside the bundle/],
    ['a setting that the image of the tests has not', 'USER', 'ENV A=b\nUSER', /has ENV, which .* does not take over/],
    ['a command in the last stage', 'USER', 'RUN ["true"]\nUSER', /needs emulation/],
  ] as const) {
    test(`with ${what} is refused`, () => {
      assert.match(problemsOf(GOOD.replace(from, to)).join('\n'), words);
    });
  }
});
