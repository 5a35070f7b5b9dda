// Runs the suites that need an API server on each of the newest three minors, one after another; one line for each.

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { SUPPORTED_VERSIONS } from '../testing/control-plane/binaries.ts';

const SUITES = [
  'test/scenario/*.test.ts',
  'test/contract/*.test.ts',
  'test/conformance/*.test.ts',
  'test/process/*.test.ts',
  'test/chart/*.test.ts',
];

const files = globSync(SUITES).sort();
const results = SUPPORTED_VERSIONS.map((version) => {
  console.log(`\nKubernetes ${version}`);
  const env = { ...process.env, KUBERNETES_VERSION: version };
  const { status } = spawnSync(process.execPath, ['scripts/test.ts', ...files], { env, stdio: 'inherit' });
  return { version, ok: status === 0 };
});
console.log('');
for (const { version, ok } of results) console.log(`${ok ? '✔' : '✖'} Kubernetes ${version}`);
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
