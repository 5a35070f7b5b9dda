// Bundles the operator into one minified file, and refuses when something that must not ship is in it.

import { chmodSync, statSync } from 'node:fs';
import { build } from 'esbuild';

const OUTPUT = 'dist/kube-ecr-secrets-operator.cjs';
/** Built or tested with, never shipped. */
const FORBIDDEN = [/^src\/testing\//, /^node_modules\/zod\//, /^src\/api\/(schema|crd|structural)\.ts$/, /\.test\.ts$/];

const result = await build({
  entryPoints: ['src/cli/main.ts'],
  outfile: OUTPUT,
  bundle: true,
  minify: true,
  keepNames: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  banner: { js: '#!/usr/bin/env node' },
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});
const shipped = Object.keys(result.metafile.inputs).filter((input) => FORBIDDEN.some((pattern) => pattern.test(input)));
if (shipped.length > 0) {
  console.error(`these must not be in the bundle:\n  ${shipped.join('\n  ')}`);
  process.exit(1);
}
chmodSync(OUTPUT, 0o755);
console.log(`${OUTPUT}: ${Math.round(statSync(OUTPUT).size / 1024)} KiB`);
