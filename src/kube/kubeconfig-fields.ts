// Kubeconfig fields that change the user or the destination and that the operator does not support: it refuses them by
// name. It ignores every other unknown field, as kubectl does.

import { Failure } from '../lib/errors.ts';
import { isRecord, listOf, recordOf, stringOf } from '../lib/json.ts';

/** The part of a kubeconfig that is in force, as written: the official client leaves out what it does not know. */
export interface CurrentFields {
  readonly cluster: { readonly name: string; readonly fields: Readonly<Record<string, unknown>> };
  readonly user: { readonly name: string; readonly fields: Readonly<Record<string, unknown>> };
}

const NOBODY_ELSE = 'the operator does not impersonate: take it out, and name a user who has the rights it is to have';

/** Fields of a user, with advice for each. */
const USER_FIELDS: Readonly<Record<string, string>> = {
  as: NOBODY_ELSE,
  'as-uid': NOBODY_ELSE,
  'as-groups': NOBODY_ELSE,
  'as-user-extra': NOBODY_ELSE,
  tokenFile:
    'the operator reads no token from a file that a kubeconfig names: put it into "token", or use a plugin ("exec")',
};
const CLUSTER_FIELDS: Readonly<Record<string, string>> = {
  'proxy-url':
    'the operator goes to the API server by no proxy: run it where it can be reached without one, or forward a port to it',
};

/**
 * @param contents  of the files, parsed; where several name an entry, the first counts
 * @param context   in force: names of its cluster and its user
 */
export function currentFields(
  contents: readonly unknown[],
  context: { readonly cluster: string; readonly user: string },
): CurrentFields {
  const find = (list: string, kind: string, name: string) => ({
    name,
    fields: recordOf(
      contents
        .flatMap((content) => listOf(recordOf(content)[list]))
        .map(recordOf)
        .find((one) => one['name'] === name)?.[kind],
    ),
  });
  return { cluster: find('clusters', 'cluster', context.cluster), user: find('users', 'user', context.user) };
}

/**
 * @param where        the file, for the message
 * @param isOfPerson   a person uses it, who may also act as somebody else, and go by a proxy
 * @throws Failure that names the first field that is refused; no value is repeated, it may hold a password
 */
export function refuseFields(where: string, { cluster, user }: CurrentFields, isOfPerson: boolean): void {
  const refuse = (what: string, words: string): never => {
    throw new Failure({
      next: 'change',
      reason: 'BadKubeconfig',
      message: `the kubeconfig ${where}: ${what}: ${words}`,
    });
  };
  for (const [field, words] of Object.entries(isOfPerson ? {} : USER_FIELDS))
    if (isSet(user.fields[field])) refuse(`user ${user.name} has "${field}"`, words);
  for (const [field, words] of Object.entries(isOfPerson ? {} : CLUSTER_FIELDS))
    if (isSet(cluster.fields[field])) refuse(`cluster ${cluster.name} has "${field}"`, words);
  const server = stringOf(cluster.fields['server']) ?? '';
  const what = `"server" of cluster ${cluster.name}`;
  if (!/^https:\/\//i.test(server))
    refuse(
      what,
      'it has to begin with https:// (without a scheme kubectl takes it as http, over which anybody could read tokens)',
    );
  const url = URL.parse(server);
  if (!url) return refuse(what, 'it is no URL');
  if (url.username !== '' || url.password !== '')
    refuse(what, 'it holds a user, of whom nothing is sent: take that out');
}

function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== '';
}
