// The kubectl plugin as an archive: what `npm install -g` takes, and krew by the manifest beside it. It holds the
// program as built, without the parts that only the operator loads, and needs Node.js 24 on the user's machine.
// Usage: node scripts/plugin.ts   (after scripts/build.ts) writes dist/plugin

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { REPOSITORY } from './repository.ts';

const NAME = 'kubectl-ecr-secrets';
/** As kubectl looks for it: a dash of the command is an underscore of the file. */
const FILE = 'kubectl-ecr_secrets';
const COMPLETION = 'kubectl_complete-ecr_secrets';
const PARTS = ['kubeconfig', 'plugin', 'yaml'];
const SUMMARY = 'Say why a pod cannot pull from AWS ECR';

export interface PluginArchive {
  /** Path of the archive. */
  readonly archive: string;
  /** Path of the manifest for krew. */
  readonly manifest: string;
}

/**
 * @param from  folder with the built program
 * @param to    is made anew
 */
export function makePluginArchive(from: string, to: string): PluginArchive {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const folder = join(to, 'package');
  rmSync(to, { recursive: true, force: true });
  mkdirSync(join(folder, 'parts'), { recursive: true });
  copyFileSync(join(from, 'kube-ecr-secrets-operator.cjs'), join(folder, `${FILE}.cjs`));
  for (const part of PARTS) copyFileSync(join(from, 'parts', `${part}.cjs`), join(folder, 'parts', `${part}.cjs`));
  copyFileSync(new URL('../LICENSE', import.meta.url), join(folder, 'LICENSE'));
  writeFileSync(join(folder, COMPLETION), `#!/bin/sh\nexec ${FILE} __complete "$@"\n`);
  for (const file of [`${FILE}.cjs`, COMPLETION]) chmodSync(join(folder, file), 0o755);
  const description = {
    name: NAME,
    version,
    description: SUMMARY,
    license: 'Apache-2.0',
    homepage: `${REPOSITORY}/blob/main/docs/kubectl.md`,
    bin: { [FILE]: `${FILE}.cjs`, [COMPLETION]: COMPLETION },
    engines: { node: '>=24' },
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(description, undefined, 2)}\n`);
  // Its archives have fixed times and owners: the same content has the same digest.
  execFileSync('npm', ['pack', '--silent', '--pack-destination', '..'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const archive = join(to, `${NAME}-${version}.tgz`);
  const manifest = join(to, 'ecr-secrets.yaml');
  writeFileSync(manifest, stringify(krewManifest(version, readFileSync(archive)), { lineWidth: 0 }));
  return { archive, manifest };
}

/** As krew reads it (krew.googlecontainertools.github.com/v1alpha2). */
function krewManifest(version: string, archive: Buffer): object {
  return {
    apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
    kind: 'Plugin',
    metadata: { name: 'ecr-secrets' },
    spec: {
      version: `v${version}`,
      homepage: REPOSITORY,
      shortDescription: SUMMARY,
      description:
        'Explains and looks after the image pull secrets that kube-ecr-secrets-operator writes for AWS ECR: why a pod waits for its image, what a Secret opens and until when, whether a manifest is good.\n',
      caveats: `It needs Node.js 24 or newer on your machine.\nFor completion, put a file ${COMPLETION} into your PATH (${REPOSITORY}/blob/main/docs/kubectl.md).\n`,
      platforms: [
        {
          selector: { matchExpressions: [{ key: 'os', operator: 'In', values: ['darwin', 'linux'] }] },
          uri: `${REPOSITORY}/releases/download/v${version}/${NAME}-${version}.tgz`,
          sha256: createHash('sha256').update(archive).digest('hex'),
          bin: `${FILE}.cjs`,
          files: [{ from: 'package/*', to: '.' }],
        },
      ],
    },
  };
}

if (import.meta.main) {
  const { archive, manifest } = makePluginArchive('dist', join('dist', 'plugin'));
  console.log(`${archive}: ${Math.round(readFileSync(archive).length / 1024)} KiB\n${manifest}`);
}
