// Bundles the operator into one minified file, and refuses when something that must not ship is in it.

import { chmodSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';

const OUTPUT = 'dist/kube-ecr-secrets-operator.cjs';
/**
 * Built or tested with, never shipped: what is not the product, a library of the build, and what only the build reads.
 */
const FORBIDDEN = [
  /^(?!src\/|node_modules\/|as-text:|package\.json$)/,
  /^node_modules\/zod\//,
  /^src\/api\/(schema|crd|structural)\.ts$/,
  /\.test\.ts$/,
];

const COMMON = {
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions;

/** An older Node would fail somewhere inside, at what it does not know. */
const NEEDS_NODE =
  'if(parseInt(process.versions.node,10)<24){process.stderr.write("kube-ecr-secrets-operator needs Node.js 24 or newer; this is "+process.version+"\\n");process.exit(2)}';

const shipped = new Set<string>();
/** Files that are in more than one part: their code runs once for each part that is loaded. */
const repeated = new Set<string>();

function note(metafile: Metafile): void {
  for (const input of Object.keys(metafile.inputs)) (shipped.has(input) ? repeated : shipped).add(input);
}

/** Whether a class of this file does not know the objects of its double in another part: `instanceof` says no. */
function hasClassOfOnePart(input: string): boolean {
  if (!input.startsWith('src/')) return false;
  const text = readFileSync(input, 'utf8');
  return /^(?:export )?class /m.test(text) && !text.includes('[Symbol.hasInstance](');
}

/**
 * Puts a module that is imported dynamically into the bundle as text, compiled when it is first imported.
 *
 * V8 reads every function of a script once, also those that are never called: the official Kubernetes client, which
 * only serves kubeconfig files outside a cluster, costs the pod 13 MB that way, and nothing as text
 * (docs/design/adr/0003). The library that makes certificates only serves a webhook that makes its own
 * (docs/design/adr/0006).
 */
const asText = (filter: RegExp): Plugin => ({
  name: 'as-text',
  setup(bundler) {
    bundler.onResolve({ filter }, ({ path, kind, resolveDir }) =>
      kind === 'dynamic-import' ? { path: `${resolveDir}/${path}`, namespace: 'as-text' } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'as-text' }, async ({ path }) => {
      const { outputFiles, metafile } = await build({ ...COMMON, entryPoints: [path], write: false });
      note(metafile);
      const code = JSON.stringify(outputFiles[0]?.text ?? '');
      const load = 'const { Module } = require("node:module"); const loaded = new Module("as-text"); loaded._compile';
      const name = JSON.stringify(`${basename(path, '.ts')}.cjs`);
      return { contents: `${load}(${code}, ${name}); module.exports = loaded.exports;`, loader: 'js' };
    });
  },
});

const { metafile } = await build({
  ...COMMON,
  entryPoints: ['src/cli/main.ts'],
  outfile: OUTPUT,
  banner: { js: `#!/usr/bin/env node\n${NEEDS_NODE}` },
  plugins: [asText(/\/(kubeconfig|pki\/sign)\.ts$/)],
});
note(metafile);
const wrong = [...shipped].filter((input) => FORBIDDEN.some((pattern) => pattern.test(input)));
if (wrong.length > 0) {
  console.error(`these must not be in the bundle:\n  ${wrong.join('\n  ')}`);
  process.exit(1);
}
const doubled = [...repeated].filter(hasClassOfOnePart);
if (doubled.length > 0) {
  console.error(
    `these are in several parts, and need Symbol.hasInstance as in src/lib/errors.ts:\n  ${doubled.join('\n  ')}`,
  );
  process.exit(1);
}
chmodSync(OUTPUT, 0o755);
console.log(`${OUTPUT}: ${Math.round(statSync(OUTPUT).size / 1024)} KiB`);
