// A registry on loopback with one small image, for clients with a currently valid password: the other end of a pull
// Secret.
// Implements as much of the OCI distribution specification as a pull needs.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface OciRegistry {
  /** What pulls name: `<host>/<repository>:<tag>`. */
  readonly repository: string;
  readonly tag: string;
  /** Text of the one file in the image, `/hello`. */
  readonly text: string;
  /** Serves a connection accepted elsewhere, such as the inside of a TLS one. */
  accept(socket: Socket): void;
  /** Every request as `METHOD path status`, in order; a live view. */
  readonly requests: readonly string[];
}

export interface OciRegistryOptions {
  /** Whether this password opens the registry of this host now. */
  readonly opens: (host: string, username: string, password: string) => boolean | Promise<boolean>;
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

interface Blob {
  readonly bytes: Buffer;
  readonly digest: string;
}

export function createOciRegistry({ opens }: OciRegistryOptions): OciRegistry {
  const repository = 'shop/app';
  const tag = 'v1';
  const text = 'pulled with the secret that the operator keeps\n';
  const requests: string[] = [];

  const layer = blobOf(tarOf('hello', text));
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const config = blobOf(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs })));
  const manifest = blobOf(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: { mediaType: CONFIG, digest: config.digest, size: config.bytes.length },
        layers: [{ mediaType: LAYER, digest: layer.digest, size: layer.bytes.length }],
      }),
    ),
  );
  const found: ReadonlyMap<string, readonly [mediaType: string, blob: Blob]> = new Map([
    [`/v2/${repository}/manifests/${tag}`, [MANIFEST, manifest]],
    [`/v2/${repository}/manifests/${manifest.digest}`, [MANIFEST, manifest]],
    [`/v2/${repository}/blobs/${config.digest}`, ['application/octet-stream', config]],
    [`/v2/${repository}/blobs/${layer.digest}`, ['application/octet-stream', layer]],
  ]);

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<number> => {
    const { method = '', url = '', headers } = request;
    const [, basic = ''] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? [];
    const [username = '', ...rest] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    if (!(await opens(headers.host ?? '', username, rest.join(':')))) {
      response.writeHead(401, {
        'www-authenticate': `Basic realm="https://${headers.host}/",service="ecr.amazonaws.com"`,
      });
      response.end(
        JSON.stringify({
          errors: [{ code: 'DENIED', message: 'Your authorization token has expired. Reauthenticate and try again.' }],
        }),
      );
      return 401;
    }
    const [mediaType, blob] = found.get(url) ?? [];
    if (!blob) {
      const status = url === '/v2/' ? 200 : 404;
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      return status;
    }
    response.writeHead(200, {
      'content-type': mediaType,
      'content-length': blob.bytes.length,
      'docker-content-digest': blob.digest,
    });
    response.end(method === 'HEAD' ? undefined : blob.bytes);
    return 200;
  };

  const server = createServer((request, response) => {
    answer(request, response).then(
      (status) => void requests.push(`${request.method} ${request.url} ${status}`),
      () => request.destroy(),
    );
  });
  return { repository, tag, text, requests, accept: (socket) => void server.emit('connection', socket) };
}

function blobOf(bytes: Buffer): Blob {
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}

/** A tar archive with one file in it (POSIX.1-1988, ustar). */
function tarOf(name: string, text: string): Buffer {
  const header = Buffer.alloc(512);
  const put = (field: string, at: number): void => void header.write(field, at, 'latin1');
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  put(name, 0);
  put(octal(0o644, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(Buffer.byteLength(text), 11), 124);
  put(octal(0, 11), 136);
  put(' '.repeat(8), 148);
  put('0', 156);
  put('ustar\u000000', 257);
  put(
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    ),
    148,
  );
  header.writeUInt8(0, 154);
  const content = Buffer.alloc(Math.ceil(Buffer.byteLength(text) / 512) * 512);
  content.write(text);
  return Buffer.concat([header, content, Buffer.alloc(1_024)]);
}
