// The images on the node and in its registry: the pause container, an application, and the operator's own as the
// Dockerfile makes it, without Docker.

import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Image, type ImageConfig, type ImageFile, makeImage } from '../registry/oci-image.ts';

/** Waits for a signal; of another user than root. @param folder  of the programs of a node */
export function makeWaitingImage(folder: string): Image {
  const file = { path: 'wait', bytes: readFileSync(join(folder, 'wait')), mode: 0o755 };
  return makeImage([[file]], { Entrypoint: ['/wait'], User: '65535:65535' });
}

/** What the last stage of a Dockerfile sets: `USER`, `ENTRYPOINT`, `CMD`, `EXPOSE`, in the forms that ours has. */
export function configOf(dockerfile: string): ImageConfig {
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM ') + 1);
  const line = (name: string): string => new RegExp(`^${name} (.+)$`, 'm').exec(last)?.[1] ?? '';
  return {
    User: line('USER'),
    Entrypoint: JSON.parse(line('ENTRYPOINT')) as string[],
    Cmd: JSON.parse(line('CMD')) as string[],
    ExposedPorts: Object.fromEntries(
      line('EXPOSE')
        .split(' ')
        .map((port) => [`${port}/tcp`, {}]),
    ),
  };
}

/** Where the last stage puts the folder of the bundle, without a slash in front. */
export function bundleFolderOf(dockerfile: string): string {
  return /^COPY --from=build \S+\/dist\/ \/(\S*)$/m.exec(dockerfile)?.[1] ?? 'nowhere';
}

/**
 * The operator's image: instead of the distroless base the Node of this project, and the libraries of this machine that
 * it needs.
 *
 * @param folder  with the built operator
 */
export function makeOperatorImage(folder: string): Image {
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  const config = configOf(dockerfile);
  const node = process.execPath;
  const libraries = execFileSync('ldd', [node], { encoding: 'utf8' }).match(/\/\S+\.so\S*/g) ?? [];
  const base: readonly ImageFile[] = [
    ...libraries.map((path) => ({ path: path.slice(1), bytes: readFileSync(path), mode: 0o755 })),
    { path: (config.Entrypoint?.[0] ?? '').slice(1), bytes: readFileSync(node), mode: 0o755 },
    { path: 'etc/passwd', bytes: Buffer.from('nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n') },
  ];
  const operator = globSync('**/*.cjs', { cwd: folder }).map((path) => ({
    path: join(bundleFolderOf(dockerfile), path),
    bytes: readFileSync(join(folder, path)),
  }));
  return makeImage([base, operator], { ...config, WorkingDir: '/home/nonroot' });
}
