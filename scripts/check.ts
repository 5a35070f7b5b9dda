// Everything that is checked without running the operator; all checks run, then the failures are named together.

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

/** Every branch of what decides is taken by a test that names what it expects; a property test takes them by chance. */
const CORE_COVERAGE = [
  '--test',
  '--test-isolation=none',
  '--test-reporter=spec',
  '--experimental-test-coverage',
  '--test-coverage-include=src/core/*.ts',
  '--test-coverage-exclude=**/*.test.ts',
  ...['lines', 'branches', 'functions'].map((what) => `--test-coverage-${what}=100`),
  ...globSync('src/core/*.test.ts', { exclude: ['**/*.property.test.ts'] }),
];

const CHECKS: readonly Check[] = [
  { name: 'format', command: ['biome', 'ci', '--colors=off', '--max-diagnostics=5', '--error-on-warnings', '.'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'layers', command: ['node', 'scripts/layers.ts'] },
  { name: 'image', command: ['node', 'scripts/dockerfile.ts'] },
  { name: 'dead code', command: ['knip', '--no-progress'] },
  { name: 'core coverage', command: ['node', ...CORE_COVERAGE] },
  { name: 'generated files', command: ['node', 'scripts/gen.ts', '--check'] },
];

const failed: string[] = [];
for (const { name, command } of CHECKS) {
  const [program = '', ...args] = command;
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const took = `${((performance.now() - started) / 1_000).toFixed(1)} s`;
  const ok = status === 0 && !error;
  console.log(`${ok ? '✔' : '✖'} ${name.padEnd(16)} ${took}`);
  if (ok) continue;
  failed.push(name);
  console.log([stdout, stderr, error?.message ?? ''].join('').trimEnd());
}
if (failed.length > 0) {
  console.log(
    `\nfailed: ${failed.join(', ')}${failed.includes('format') ? ' (mend the format with: npx biome check --write .)' : ''}`,
  );
  process.exitCode = 1;
}
