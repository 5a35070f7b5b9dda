// A test's requests to the API server as its administrator. Independent of the operator's own transport.

import { randomBytes } from 'node:crypto';
import { request } from 'node:https';

export interface ApiReply {
  readonly status: number;
  // Tests look into objects of many kinds; each assertion says what it expects to find there.
  // oxlint-disable-next-line typescript/no-explicit-any -- see the line above
  readonly body: any;
  /** What kubectl would print as `Warning: …`. */
  readonly warnings: readonly string[];
}

export interface TestApi {
  send(method: string, path: string, body?: unknown, contentType?: string): Promise<ApiReply>;
  get(path: string): Promise<ApiReply>;
  /** @throws Error unless the answer is 2xx */
  // oxlint-disable-next-line typescript/no-explicit-any -- as ApiReply.body
  must(method: string, path: string, body?: unknown, contentType?: string): Promise<any>;
  /** JSON merge patch. @throws Error unless the answer is 2xx */
  // oxlint-disable-next-line typescript/no-explicit-any -- as ApiReply.body
  merge(path: string, body: unknown): Promise<any>;
  /** The same API server, as another user. */
  as(token: string): TestApi;
  /** Creates a namespace with a new name. */
  createNamespace(labels?: Readonly<Record<string, string>>, prefix?: string): Promise<string>;
}

export interface TestApiOptions {
  readonly url: string;
  readonly certificateAuthority: string;
  readonly token: string;
}

/** A control plane's API server, as its administrator. */
export function adminOf({
  adminToken: token,
  ...at
}: Omit<TestApiOptions, 'token'> & { readonly adminToken: string }): TestApi {
  return createTestApi({ ...at, token });
}

export function createTestApi({ url, certificateAuthority, token }: TestApiOptions): TestApi {
  const send = (method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<ApiReply> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        authorization: `Bearer ${token}`,
        ...(text === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
      };
      const outgoing = request(
        `${url}${path}`,
        { method, headers, ca: certificateAuthority, timeout: 20_000 },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const answer = Buffer.concat(chunks).toString('utf8');
            const isJson = incoming.headers['content-type']?.includes('json') ?? false;
            const body: unknown = isJson && answer !== '' ? JSON.parse(answer) : answer;
            resolve({ status: incoming.statusCode ?? 0, body, warnings: warningsIn(incoming.headers['warning']) });
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer in 20 s`)));
      outgoing.on('error', reject);
      outgoing.end(text);
    });

  const must: TestApi['must'] = async (method, path, body, contentType) => {
    const reply = await send(method, path, body, contentType);
    if (reply.status < 200 || reply.status > 299) {
      throw new Error(`${method} ${path}: ${reply.status} ${String(reply.body?.message ?? reply.body)}`);
    }
    return reply.body;
  };

  return {
    send,
    must,
    get: (path) => send('GET', path),
    as: (other) => createTestApi({ url, certificateAuthority, token: other }),
    merge: (path, body) => must('PATCH', path, body, 'application/merge-patch+json'),
    async createNamespace(labels = {}, prefix = 'test') {
      const name = `${prefix}-${randomBytes(4).toString('hex')}`;
      await must('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
      return name;
    },
  };
}

/** Texts of `299 - "…"`, of which Node joins several by a comma (RFC 9111, 5.5, in its older form). */
function warningsIn(header: string | string[] | undefined): readonly string[] {
  return [...String(header ?? '').matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text]) =>
    (text ?? '').replaceAll(/\\(.)/g, '$1'),
  );
}

/**
 * Waits until `look` returns something.
 *
 * @param look  returns undefined or throws while it is not so yet
 * @param within  far more than any event takes, less than any timer of half a minute
 * @throws Error after `within` milliseconds, with the last error of `look`
 */
export async function eventually<Result>(
  look: () => Promise<Result | undefined> | Result | undefined,
  within = 20_000,
): Promise<Result> {
  const end = Date.now() + within;
  let last: unknown;
  for (;;) {
    try {
      const result = await look();
      if (result !== undefined) return result;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`did not come true within ${within} ms`, { cause: last });
    await new Promise((resolve) => void setTimeout(resolve, 15));
  }
}
