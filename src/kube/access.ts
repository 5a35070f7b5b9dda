// Where the API server is, and the credentials of the operator: from inside a pod, or from a kubeconfig file.

import { readFile } from 'node:fs/promises';
import { Failure } from '../lib/errors.ts';
import { parseJson, recordOf, stringsOf } from '../lib/json.ts';
import { type Clock, type DurationMs, SECOND } from '../lib/time.ts';

/** What one request needs beyond its own content. The transport reads it for every request; it may change. */
export interface ApiCredentials {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
  /** A list: the header comes once for each of its values. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

export interface ApiServerAccess {
  /** Scheme, host, port, and a path prefix where a proxy has one. */
  readonly url: URL;
  /** The operator's own namespace, if known; of a kubeconfig, that of the context. */
  readonly namespace: string | undefined;
  /** Variables that name a proxy, as `HTTPS_PROXY`; undefined: by none. */
  readonly proxyEnv?: Readonly<Record<string, string>> | undefined;
  credentials(): Promise<ApiCredentials>;
  /** Forgets the credentials read before: the API server answered 401. */
  invalidate(): void;
}

/**
 * The audiences of the operator's token: all, or some, of those that the API server accepts (`--api-audiences`). Read
 * without verification: the API server verifies.
 *
 * @returns none for credentials that are no such token, and when there are none now
 */
export async function tokenAudiences(access: ApiServerAccess): Promise<readonly string[]> {
  const credentials = await access.credentials().catch(() => undefined);
  const [, payload] = /^Bearer [\w-]+\.([\w-]+)\.[\w-]+$/.exec(String(credentials?.headers['authorization'])) ?? [];
  if (payload === undefined) return [];
  const { aud } = recordOf(parseJson(Buffer.from(payload, 'base64url').toString('utf8')));
  return typeof aud === 'string' ? [aud] : stringsOf(aud);
}

/** Kubernetes rotates a projected token well before it ends; client-go re-reads it every minute as well. */
const REREAD_AFTER = (60 * SECOND) as DurationMs;

/** The variables and files that Kubernetes provides in every pod. */
export interface PodEnvironment {
  readonly host: string;
  readonly port: string;
  /** Folder with `token`, `ca.crt` and `namespace`. */
  readonly folder: string;
}

/**
 * Access from inside a pod.
 *
 * @throws Failure when a file of the service account cannot be read
 */
export async function podAccess({ host, port, folder }: PodEnvironment, clock: Clock): Promise<ApiServerAccess> {
  const url = new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  const read = async (name: string): Promise<string> => {
    try {
      return (await readFile(`${folder}/${name}`, 'utf8')).trim();
    } catch (cause) {
      const message = `cannot read ${folder}/${name}: is the service account token mounted (automountServiceAccountToken)?`;
      throw new Failure({ next: 'backoff', reason: 'NoServiceAccountToken', message, cause });
    }
  };
  let held: { readonly credentials: ApiCredentials; readonly readAt: DurationMs } | undefined;
  return {
    url,
    namespace: await read('namespace').catch(() => undefined),
    async credentials() {
      if (!held || clock.monotonic() - held.readAt >= REREAD_AFTER) {
        const [token, ca] = await Promise.all([read('token'), read('ca.crt')]);
        held = { credentials: { ca, headers: { authorization: `Bearer ${token}` } }, readAt: clock.monotonic() };
      }
      return held.credentials;
    },
    invalidate() {
      held = undefined;
    },
  };
}
