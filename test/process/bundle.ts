// The built operator as the tests of the process use it: up to date, in a copy of its own, run to its end.

import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, globSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLE, NO_ENVIRONMENT } from '../../testing/operator/operator-process.ts';
import { startNode } from '../../testing/process/node-process.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The folder beside the bundle with what it loads late. */
export const PARTS = 'parts';

/** Our own copy: somebody may build while the suites run. */
let copy: string | undefined;

/** Builds the bundle unless it is newer than everything that goes into it; gives the path of our copy. */
export function ensureBundle(): string {
  if (copy !== undefined) return copy;
  build();
  const folder = makeTemporaryFolder('bundle');
  copy = join(folder, 'operator.cjs');
  copyFileSync(BUNDLE, copy);
  cpSync(join(dirname(BUNDLE), PARTS), join(folder, PARTS), { recursive: true });
  return copy;
}

function build(): void {
  const isWhole = statSync(join(dirname(BUNDLE), PARTS), { throwIfNoEntry: false }) !== undefined;
  const built = isWhole ? (statSync(BUNDLE, { throwIfNoEntry: false })?.mtimeMs ?? 0) : 0;
  const sources = globSync('src/**/*.{ts,json}', { cwd: ROOT, exclude: ['**/*.test.ts'] });
  const newest = Math.max(...['package.json', ...sources].map((file) => statSync(join(ROOT, file)).mtimeMs));
  if (built > newest) return;
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build.ts'], { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the bundle could not be built:\n${stderr}`);
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command that ends by itself. */
export async function runToEnd(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  const child = startNode([ensureBundle(), ...args], { ...NO_ENVIRONMENT, ...env });
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (text: string) => void (output.stdout += text));
  child.stderr?.on('data', (text: string) => void (output.stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...output };
}
