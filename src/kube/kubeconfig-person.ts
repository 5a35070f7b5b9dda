// What a kubeconfig says of a person that the operator itself never is: whom they act as, where their token lies, and
// by which proxy they go. Field names are those of client-go's clientcmd (k8s.io/client-go/tools/clientcmd/api/v1).

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure } from '../lib/errors.ts';
import { listOf, recordOf, stringOf, stringsOf } from '../lib/json.ts';
import type { CurrentFields } from './kubeconfig-fields.ts';

/** The headers by which a request is made as somebody else (Kubernetes, User impersonation). */
export function impersonation({
  user: { fields },
}: CurrentFields): Readonly<Record<string, string | readonly string[]>> {
  const name = stringOf(fields['as']);
  if (!name) return {};
  const uid = stringOf(fields['as-uid']);
  const groups = stringsOf(fields['as-groups']);
  const extra = Object.entries(recordOf(fields['as-user-extra'])).map(
    ([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, stringsOf(values)] as const,
  );
  return {
    'Impersonate-User': name,
    ...(uid ? { 'Impersonate-Uid': uid } : {}),
    ...(groups.length > 0 ? { 'Impersonate-Group': groups } : {}),
    ...Object.fromEntries(extra),
  };
}

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

const PROXY_NAMES = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'];

/**
 * The proxy of the cluster's `proxy-url`, else of the environment, as with kubectl.
 *
 * @returns variables for an agent of Node; undefined: by none
 * @throws Failure for a proxy that Node cannot use
 */
export function proxyOf(
  { cluster: { name, fields } }: CurrentFields,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> | undefined {
  const url = stringOf(fields['proxy-url']);
  if (url) {
    if (/^https?:\/\//i.test(url)) return { HTTPS_PROXY: url };
    const message = `the kubeconfig: "proxy-url" of cluster ${name} has to begin with http:// or https://`;
    throw new Failure({ next: 'change', reason: 'BadKubeconfig', message });
  }
  const set = PROXY_NAMES.flatMap((one) => (env[one] ? [[one, env[one]] as const] : []));
  return set.length === 0 ? undefined : Object.fromEntries(set);
}
