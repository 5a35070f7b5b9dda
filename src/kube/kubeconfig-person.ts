// What a kubeconfig says of a person that the operator itself never is: whom they act as, where their token lies, and
// by which proxy they go. Field names are those of client-go's clientcmd (k8s.io/client-go/tools/clientcmd/api/v1).

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure } from '../lib/errors.ts';
import { listOf, recordOf, stringOf } from '../lib/json.ts';
import type { CurrentFields } from './kubeconfig-fields.ts';

/**
 * The headers by which a request is made as somebody else (Kubernetes, User impersonation).
 *
 * @throws Failure for what cannot be sent: nobody may act with more rights than the kubeconfig says
 */
export function impersonation({
  user: { name, fields },
}: CurrentFields): Readonly<Record<string, string | readonly string[]>> {
  const refuse = (field: string, words: string): never => {
    const message = `the kubeconfig: "${field}" of user ${name} ${words}`;
    throw new Failure({ next: 'change', reason: 'BadKubeconfig', message });
  };
  const text = (field: string, value: unknown): string =>
    typeof value === 'string' && SENDABLE.test(value) ? value : refuse(field, 'is no text that a header can hold');
  const isSet = (field: string): boolean =>
    fields[field] !== undefined && fields[field] !== null && fields[field] !== '';
  const others = ['as-uid', 'as-groups', 'as-user-extra'].filter(isSet);
  if (!isSet('as')) return others[0] === undefined ? {} : refuse(others[0], 'needs "as" beside it');
  const extra = Object.entries(recordOf(fields['as-user-extra'])).map(([key, values]) => {
    const header = `Impersonate-Extra-${encodeURIComponent(key).replaceAll(/[()*'!]/g, '')}`;
    return [header, listOf(values).map((value) => text('as-user-extra', value))] as const;
  });
  return {
    'Impersonate-User': text('as', fields['as']),
    ...(isSet('as-uid') ? { 'Impersonate-Uid': text('as-uid', fields['as-uid']) } : {}),
    ...(isSet('as-groups')
      ? { 'Impersonate-Group': listOf(fields['as-groups']).map((one) => text('as-groups', one)) }
      : {}),
    ...Object.fromEntries(extra),
  };
}

/** Printable ASCII: Node sends other letters in an encoding that the API server does not expect. */
const SENDABLE = /^[\x20-\x7e]+$/;

/**
 * The token in the file that the user's `tokenFile` names; undefined when none is named. It precedes `token`.
 *
 * @throws Failure when it cannot be read
 */
export async function tokenOfFile({ user: { fields } }: CurrentFields): Promise<string | undefined> {
  const path = stringOf(fields['tokenFile']);
  if (!path) return undefined;
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const message = `the token file ${path} that the kubeconfig names cannot be read`;
    throw new Failure({ next: 'backoff', reason: 'NoCredentials', message, cause });
  }
}

/** A relative path is one from the file that has it, as with kubectl. @returns the content, with such paths whole */
export function withAbsoluteTokenFiles(content: unknown, folder: string): unknown {
  const users = listOf(recordOf(content)['users']).map((item) => {
    const entry = recordOf(item);
    const user = recordOf(entry['user']);
    const path = stringOf(user['tokenFile']);
    return path ? { ...entry, user: { ...user, tokenFile: resolve(folder, path) } } : item;
  });
  return { ...recordOf(content), users };
}

/**
 * The proxy of the cluster's `proxy-url`, else of the environment, as with kubectl: never for this machine itself.
 *
 * @param server  the API server
 * @returns variables for an agent of Node; undefined: by none
 * @throws Failure for a proxy that Node cannot use
 */
export function proxyOf(
  { cluster: { name, fields } }: CurrentFields,
  server: URL,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> | undefined {
  const url = stringOf(fields['proxy-url']);
  if (url) return { HTTPS_PROXY: usable(url, `the kubeconfig: "proxy-url" of cluster ${name}`) };
  const given = env['HTTPS_PROXY'] || env['https_proxy'];
  if (!given || LOOPBACK.test(server.hostname)) return undefined;
  const except = env['NO_PROXY'] || env['no_proxy'];
  // Go takes an address without a scheme too.
  const whole = given.includes('://') ? given : `http://${given}`;
  return { HTTPS_PROXY: usable(whole, 'HTTPS_PROXY'), ...(except ? { NO_PROXY: except } : {}) };
}

/** golang.org/x/net/http/httpproxy: a proxy is never asked for these. */
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

function usable(url: string, what: string): string {
  if (/^https?:\/\//i.test(url)) return url;
  const message = `${what} has to begin with http:// or https://`;
  throw new Failure({ next: 'change', reason: 'BadKubeconfig', message });
}
