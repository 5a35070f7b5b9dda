// The archive of the kubectl plugin: installed by npm, and laid out as krew does it, it runs; the manifest names it.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { makePluginArchive, type PluginArchive } from '../../scripts/plugin.ts';
import { BUNDLE } from '../../testing/operator/operator-process.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { findKubectl } from '../../testing/tools/find-kubectl.ts';
import { ensureBundle } from './bundle.ts';

describe('the archive of the plugin', () => {
  const folder = makeTemporaryFolder('plugin');
  let made: PluginArchive;
  before(() => {
    ensureBundle();
    made = makePluginArchive(dirname(BUNDLE), join(folder, 'made'));
  });

  /** With only these folders, and the node that the project pins, on the path. */
  const run = (bin: string, command: string, ...args: readonly string[]) =>
    spawnSync(command, args, {
      encoding: 'utf8',
      env: { HOME: folder, PATH: [bin, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) },
    });

  test('installed by npm, runs as kubectl starts it, and completes', () => {
    const prefix = join(folder, 'npm');
    execFileSync('npm', ['install', '--global', '--silent', '--offline', '--prefix', prefix, made.archive], {
      stdio: 'pipe',
    });
    const bin = join(prefix, 'bin');
    assert.match(run(bin, 'kubectl-ecr_secrets', '--help').stdout, /^Usage: kubectl ecr-secrets /);
    assert.equal(run(bin, 'kubectl_complete-ecr_secrets', 'wh').stdout, 'why\n:4\n');
  });

  test('unpacked as krew does it, runs through a link, also below a folder of ES modules', () => {
    const store = join(folder, 'krew', 'store');
    mkdirSync(store, { recursive: true });
    writeFileSync(join(folder, 'krew', 'package.json'), '{"type":"module"}');
    execFileSync('tar', ['-xzf', made.archive, '-C', store, '--strip-components=1']);
    const bin = join(folder, 'krew', 'bin');
    mkdirSync(bin);
    const { spec } = parse(readFileSync(made.manifest, 'utf8'));
    const [{ bin: file }] = spec.platforms;
    symlinkSync(join(store, file), join(bin, 'kubectl-ecr_secrets'));
    const good = join(folder, 'empty.yaml');
    writeFileSync(good, '');
    const { status, stdout } = run(bin, 'kubectl-ecr_secrets', 'lint', good);
    assert.deepEqual([status, stdout], [0, '0 objects, 0 errors\n']);
  });

  test('is found by kubectl itself', async (t) => {
    const kubectl = await findKubectl();
    if (kubectl === undefined) return t.skip('needs kubectl');
    const bin = join(folder, 'krew', 'bin');
    const { stdout, stderr } = run(bin, kubectl, 'ecr-secrets', 'why', '--help');
    assert.match(stdout, /^Usage: kubectl ecr-secrets why /, stderr);
  });

  test('is named by its manifest with its digest, and is the same whenever it is made', () => {
    const { metadata, spec } = parse(readFileSync(made.manifest, 'utf8'));
    const [{ sha256, uri }] = spec.platforms;
    const digest = createHash('sha256').update(readFileSync(made.archive)).digest('hex');
    assert.deepEqual([metadata.name, sha256], ['ecr-secrets', digest]);
    assert.match(uri, /\/releases\/download\/v\d+\.\d+\.\d+\/kubectl-ecr-secrets-\d+\.\d+\.\d+\.tgz$/);
    const again = makePluginArchive(dirname(BUNDLE), join(folder, 'again'));
    assert.equal(parse(readFileSync(again.manifest, 'utf8')).spec.platforms[0].sha256, digest);
  });
});
