// A registry on loopback that answers as ECR does, for clients with a currently valid password: the other end of a pull
// Secret. Implements as much of the OCI distribution specification as a pull needs.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Blob, type Image, makeImage } from './oci-image.ts';

/** One request and what was answered. */
export interface RegistryCall {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Whether it came with a login, of whatever worth. */
  readonly hasLogin: boolean;
  /** Until the login ends, milliseconds; undefined: it has none, or one that opens nothing. */
  readonly leftMs: number | undefined;
}

export interface OciRegistry {
  /** What pulls name: `<host>/<repository>:<tag>`; any other repository and tag is the same image. */
  readonly repository: string;
  readonly tag: string;
  /** Text of the one file in the image, `/hello`, unless another image is given. */
  readonly text: string;
  /** Serves a connection accepted elsewhere, such as the inside of a TLS one. */
  accept(socket: Socket): void;
  /** In order; a live view. */
  readonly calls: readonly RegistryCall[];
}

export interface OciRegistryOptions {
  /** For how much longer this password opens the registry of this host, milliseconds; undefined: it does not. */
  readonly opens: (
    host: string,
    username: string,
    password: string,
  ) => number | undefined | Promise<number | undefined>;
  /** Default: one with a file `/hello`. */
  readonly image?: Image;
  /** What a good login is refused for this repository; undefined: nothing. */
  readonly refusal?: (repository: string) => Refusal | undefined;
}

/** An answer in the form of the OCI distribution specification. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/**
 * Its answers without and with a login that is no good: a challenge, and none (awslabs/soci-snapshotter pull request
 * 1196; amazon-ecr-credential-helper issue 7). The words of the second are ECR's; those of the first are unlike the
 * `no basic auth credentials` that containerd says by itself.
 */
const NO_LOGIN = 'Not Authorized';
const ENDED = 'Your authorization token has expired. Reauthenticate and try again.';

export function createOciRegistry({ opens, image: given, refusal = () => undefined }: OciRegistryOptions): OciRegistry {
  const text = 'pulled with the secret that the operator keeps\n';
  const image = given ?? makeImage([[{ path: 'hello', bytes: Buffer.from(text) }]], {});
  const calls: RegistryCall[] = [];

  const leftOf = async ({ headers }: IncomingMessage, basic: string): Promise<number | undefined> => {
    const [username = '', ...rest] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    return await opens(headers.host ?? '', username, rest.join(':'));
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = request;
    const path = url.replace(/\?.*/, '');
    const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1];
    const leftMs = basic === undefined ? undefined : await leftOf(request, basic);
    const note = (status: number): void =>
      void calls.push({ method, path, status, hasLogin: basic !== undefined, leftMs });
    if (leftMs === undefined) {
      const status = basic === undefined ? 401 : 403;
      note(status);
      return deny(response, status, headers.host ?? '');
    }
    const refused = refusal(path.replace(/^\/v2\/|\/(?:manifests|blobs)\/.*$/g, ''));
    if (refused) {
      note(refused.status);
      return refuse(response, method, refused);
    }
    const found = find(image, path);
    note(found || path === '/v2/' ? 200 : 404);
    if (found) give(response, method, found);
    else response.writeHead(path === '/v2/' ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
  };

  const server = createServer((request, response) => {
    request.resume();
    answer(request, response).catch(() => response.destroy());
  });
  return {
    repository: 'shop/app',
    tag: 'v1',
    text,
    calls,
    accept: (socket) => void server.emit('connection', socket),
  };
}

/** Of any repository, by any tag. */
function find({ manifest, parts }: Image, path: string): Blob | undefined {
  const [, kind, name = ''] = /^\/v2\/.+\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
  if (kind === 'manifests') return !name.startsWith('sha256:') || name === manifest.digest ? manifest : undefined;
  return kind === 'blobs' ? parts.find(({ digest }) => digest === name) : undefined;
}

function deny(response: ServerResponse, status: 401 | 403, host: string): void {
  const challenge = { 'www-authenticate': `Basic realm="https://${host}/",service="ecr.amazonaws.com"` };
  response.writeHead(status, { 'content-type': 'application/json', ...(status === 401 ? challenge : {}) });
  response.end(JSON.stringify({ errors: [{ code: 'DENIED', message: status === 401 ? NO_LOGIN : ENDED }] }));
}

function refuse(response: ServerResponse, method: string, { status, ...error }: Refusal): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(method === 'HEAD' ? undefined : JSON.stringify({ errors: [error] }));
}

function give(response: ServerResponse, method: string, { mediaType, digest, bytes }: Blob): void {
  response.writeHead(200, {
    'content-type': mediaType,
    'content-length': bytes.length,
    'docker-content-digest': digest,
  });
  response.end(method === 'HEAD' ? undefined : bytes);
}
