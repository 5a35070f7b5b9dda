import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { findHelm } from './find-helm.ts';

function makeFolder(t: { after(work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'find-helm-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A program that only prints `says`; returns its path. */
function writeProgram(folder: string, says: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'helm');
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('Helm', () => {
  test('is the one that the variable of its major version names', async (t) => {
    const three = writeProgram(makeFolder(t), 'v3.22.0+g1');
    const four = writeProgram(makeFolder(t), 'v4.1.0+g1');
    const env = { PATH: '', HELM: four, HELM3: three };
    assert.deepEqual([await findHelm(4, { env }), await findHelm(3, { env })], [four, three]);
  });

  test('named by a variable must be of that major version', async (t) => {
    const three = writeProgram(makeFolder(t), 'v3.22.0+g1');
    await assert.rejects(findHelm(4, { env: { PATH: '', HELM: three } }), {
      message: `HELM=${three} is Helm 3; name a program of Helm 4 or unset it.`,
    });
    const other = writeProgram(makeFolder(t), 'hello');
    await assert.rejects(findHelm(3, { env: { PATH: '', HELM3: other } }), {
      message: `HELM3=${other} does not answer as Helm; name a program of Helm 3 or unset it.`,
    });
  });

  test('is the one on the path if that has the major version, else the one in the cache', async (t) => {
    const path = makeFolder(t);
    writeProgram(path, 'v4.1.0+g1');
    const cache = makeFolder(t);
    const three = writeProgram(join(cache, 'kube-ecr-secrets-operator', 'helm', '3.22.0'), 'v3.22.0');
    const env = { PATH: `${path}:/bin`, XDG_CACHE_HOME: cache };
    assert.deepEqual([await findHelm(4, { env }), await findHelm(3, { env })], ['helm', three]);
  });
});
