// OCI images made of files, with no builder and no download: to be served by a registry, or imported by a runtime.
// Source: OCI image specification 1.1 (manifest, configuration, image layout); POSIX.1-1988 for tar (ustar).

import { createHash } from 'node:crypto';

export interface ImageFile {
  /** From the root, without a slash in front; folders above it are made. */
  readonly path: string;
  readonly bytes: Buffer;
  /** Permissions; default 0o644. */
  readonly mode?: number;
}

/** Of the image's configuration, in its own names. */
export interface ImageConfig {
  readonly User?: string;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
}

export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Buffer;
}

export interface Image {
  readonly manifest: Blob;
  /** The configuration and the layers. */
  readonly parts: readonly Blob[];
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** For this machine's architecture. @param layers  files of each, the lowest first */
export function makeImage(layers: readonly (readonly ImageFile[])[], config: ImageConfig): Image {
  const tars = layers.map((files) => blobOf(LAYER, tarOf(files)));
  const rootfs = { type: 'layers', diff_ids: tars.map(({ digest }) => digest) };
  const architecture = ARCHITECTURES[process.arch] ?? process.arch;
  const settings = blobOf(CONFIG, Buffer.from(JSON.stringify({ architecture, os: 'linux', config, rootfs })));
  const body = { schemaVersion: 2, mediaType: MANIFEST, config: describe(settings), layers: tars.map(describe) };
  return { manifest: blobOf(MANIFEST, Buffer.from(JSON.stringify(body))), parts: [settings, ...tars] };
}

/** An image layout in one tar file, as `ctr images import` takes it. @param images  by full name, tag included */
export function archiveOf(images: ReadonlyMap<string, Image>): Buffer {
  const manifests = [...images].map(([name, { manifest }]) => ({
    ...describe(manifest),
    annotations: { 'io.containerd.image.name': name },
  }));
  const blobs = new Map([...images.values()].flatMap(({ manifest, parts }) => [manifest, ...parts]).map(named));
  return tarOf([
    { path: 'oci-layout', bytes: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { path: 'index.json', bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })) },
    ...[...blobs].map(([digest, bytes]) => ({ path: `blobs/${digest.replace(':', '/')}`, bytes })),
  ]);
}

function named({ digest, bytes }: Blob): [digest: string, bytes: Buffer] {
  return [digest, bytes];
}

function blobOf(mediaType: string, bytes: Buffer): Blob {
  return { mediaType, bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}

function describe({ mediaType, digest, bytes }: Blob): object {
  return { mediaType, digest, size: bytes.length };
}

const FOLDER = { type: '5', mode: 0o755 };
const RECORD = 512;

/** A tar archive of these files, in this order, with the folders above them. */
export function tarOf(files: readonly ImageFile[]): Buffer {
  const parts: Buffer[] = [];
  const folders = new Set<string>();
  for (const { path, bytes, mode = 0o644 } of files) {
    const names = path.split('/').slice(0, -1);
    for (const [index] of names.entries()) {
      const folder = `${names.slice(0, index + 1).join('/')}/`;
      if (folders.has(folder)) continue;
      folders.add(folder);
      parts.push(headerOf(folder, 0, FOLDER.mode, FOLDER.type));
    }
    const padding = Buffer.alloc((RECORD - (bytes.length % RECORD)) % RECORD);
    parts.push(headerOf(path, bytes.length, mode, '0'), bytes, padding);
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * RECORD)]);
}

function headerOf(name: string, length: number, mode: number, type: string): Buffer {
  const header = Buffer.alloc(RECORD);
  const put = (field: string, at: number): void => void header.write(field, at, 'latin1');
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  if (name.length > 100) throw new Error(`${name} is too long for a tar header`);
  put(name, 0);
  put(octal(mode, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(length, 11), 124);
  put(octal(0, 11), 136);
  put(' '.repeat(8), 148);
  put(type, 156);
  put('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\0 `, 148);
  return header;
}
