// Bundles the operator into one minified file, with its rarer parts in files beside it, and refuses when something that
// must not ship is in it.

import { chmodSync, globSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';

const OUTPUT = 'dist/kube-ecr-secrets-operator.cjs';
const PARTS_FOLDER = 'dist/parts';
/**
 * Built or tested with, never shipped: what is not the product, a library of the build, and what only the build reads.
 */
const FORBIDDEN = [
  /^(?!src\/|node_modules\/|package\.json$)/,
  /^node_modules\/zod\//,
  /^src\/api\/(schema|crd|structural)\.ts$/,
  /\.test\.ts$/,
];

const COMMON = {
  bundle: true,
  minify: true,
  platform: 'node',
  // By require, also of what is imported dynamically: Node's other loader takes longer to start.
  supported: { 'dynamic-import': false },
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
/** Files in parts that exchange objects. */
const met = new Set<string>();
/** Files that are in more than one part: their code runs once for each part that is loaded. */
const repeated = new Set<string>();

function note(metafile: Metafile, isAlone = false): void {
  for (const input of Object.keys(metafile.inputs)) {
    shipped.add(input);
    if (isAlone) continue;
    (met.has(input) ? repeated : met).add(input);
  }
}

/** Whether a class of this file does not know the objects of its double in another part: `instanceof` says no. */
function hasClassOfOnePart(input: string): boolean {
  if (!input.startsWith('src/')) return false;
  const text = readFileSync(input, 'utf8');
  return /^(?:export )?class /m.test(text) && !text.includes('[Symbol.hasInstance](');
}

interface Part {
  readonly importedAs: RegExp;
  readonly file: string;
  /** Only texts and functions cross into it: what it has a copy of meets no other copy. */
  readonly isAlone?: boolean;
}

/**
 * What is bundled apart, by name: read when it is first imported, dynamically. V8 reads every function of a script
 * once, also those that are never called (docs/design/adr/0003, docs/design/performance.md).
 */
const PARTS: Readonly<Record<string, Part>> = {
  'aws-sdk': { importedAs: /\/sdk\.ts$/, file: 'src/aws/sdk.ts' },
  certificates: { importedAs: /\/pki\/sign\.ts$/, file: 'src/pki/sign.ts' },
  kubeconfig: { importedAs: /\/kubeconfig\.ts$/, file: 'src/kube/kubeconfig.ts' },
  plugin: { importedAs: /\/plugin\/main\.ts$/, file: 'src/plugin/main.ts', isAlone: true },
  yaml: { importedAs: /^yaml$/, file: 'yaml' },
};

const apart: Plugin = {
  name: 'apart',
  setup(bundler) {
    for (const [name, { importedAs }] of Object.entries(PARTS)) {
      bundler.onResolve({ filter: importedAs }, ({ kind, importer }) => {
        if (kind !== 'dynamic-import') return undefined;
        const isFromPart = importer.includes('/src/plugin/');
        return { path: isFromPart ? `./${name}.cjs` : `./parts/${name}.cjs`, external: true };
      });
    }
  },
};

rmSync(PARTS_FOLDER, { recursive: true, force: true });
for (const [name, { file, isAlone }] of Object.entries(PARTS)) {
  const outfile = `${PARTS_FOLDER}/${name}.cjs`;
  const { metafile } = await build({ ...COMMON, entryPoints: [file], outfile, plugins: isAlone ? [apart] : [] });
  note(metafile, isAlone);
}
const { metafile } = await build({
  ...COMMON,
  entryPoints: ['src/cli/main.ts'],
  outfile: OUTPUT,
  banner: { js: `#!/usr/bin/env node\n${NEEDS_NODE}` },
  plugins: [apart],
});
note(metafile);
/** The bundle itself loads without the SDK. */
const early = Object.keys(metafile.inputs).filter((input) => /^node_modules\/@(aws-sdk|smithy)\//.test(input));
if (early.length > 0) {
  console.error(
    `only src/aws/sdk.ts may import these, and nothing may import it but dynamically:\n  ${early.join('\n  ')}`,
  );
  process.exit(1);
}
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
for (const file of [OUTPUT, ...globSync(`${PARTS_FOLDER}/*`).toSorted()])
  console.log(`${file}: ${Math.round(statSync(file).size / 1024)} KiB`);
