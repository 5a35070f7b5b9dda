// Which registries an object wants to open, and the hosts in its pull secret beside those in the logins. Pure.

import {
  ACCOUNT_PATTERN,
  HOST_MAX_LENGTH,
  HOST_PATTERN,
  MAX_ACCOUNTS,
  MAX_HOSTS,
  MAX_REGIONS,
  PUBLIC_REGISTRY,
  REGION_MAX_LENGTH,
  REGION_PATTERN,
} from '../api/names.ts';
import { type JsonRecord, recordOf, stringsOf } from '../lib/json.ts';
import type { Login } from './login.ts';

/** One registry to log in to. */
export interface Registry {
  /** Its name in `status.logins`: the region, or `public`. */
  readonly registry: string;
  readonly kind: 'private' | 'public';
  /** Where its token is requested. */
  readonly region: string;
}

/** Hosts that the same logins open. */
export interface ExtraHosts {
  /** Accounts, sorted: their registries in every region with a login. */
  readonly accounts: readonly string[];
  /** Host names, sorted: further names of the registry in `region`. */
  readonly hosts: readonly string[];
  readonly region: string;
}

/** ECR Public gives tokens in one region only (ECR Public user guide, Registry authentication). */
const PUBLIC_REGION = 'us-east-1';
const REGION = new RegExp(REGION_PATTERN);
const ACCOUNT = new RegExp(ACCOUNT_PATTERN);
const HOST = new RegExp(HOST_PATTERN);
/** A private registry's host begins with its account (ECR user guide, Private registries). */
const ACCOUNT_OF_HOST = /^\d{12}(?=\.dkr[.-]ecr)/;

export function isRegion(text: string): boolean {
  return text.length <= REGION_MAX_LENGTH && REGION.test(text);
}

interface Wanted {
  /** Sorted by name, at least one. */
  readonly registries: readonly Registry[];
  readonly extra: ExtraHosts;
}

/**
 * Reads `spec.registries`.
 *
 * @param region  of `spec.awsAccess`, already checked
 * @returns what is wanted, or a sentence that says which field is wrong
 */
export function parseRegistries(spec: JsonRecord, region: string): Wanted | string {
  const wanted = recordOf(spec['registries']);
  for (const [field, most, isGood, what] of LISTS) {
    const list = wanted[field] ?? [];
    if (!Array.isArray(list) || list.length > most) return `spec.registries.${field} is not a list of ${most} at most`;
    const bad = list.findIndex((item) => typeof item !== 'string' || !isGood(item));
    if (bad !== -1) return `spec.registries.${field}[${bad}] is not ${what}`;
  }
  const list = (field: string): readonly string[] => [...new Set(stringsOf(wanted[field]))].sort();
  const regions = [...new Set([region, ...list('regions')])].sort();
  const registries = regions.map((name): Registry => ({ registry: name, kind: 'private', region: name }));
  if (wanted['public'] === true) registries.push({ registry: PUBLIC_REGISTRY, kind: 'public', region: PUBLIC_REGION });
  return { registries, extra: { accounts: list('accounts'), hosts: list('hosts'), region } };
}

const LISTS: readonly (readonly [string, number, (text: string) => boolean, string])[] = [
  ['regions', MAX_REGIONS, isRegion, 'the name of an AWS region (an example: eu-west-1)'],
  ['accounts', MAX_ACCOUNTS, (text) => ACCOUNT.test(text), 'the twelve digits of an AWS account, or "*"'],
  [
    'hosts',
    MAX_HOSTS,
    (text) => text.length <= HOST_MAX_LENGTH && HOST.test(text),
    'a host name in lower case (its first label may be *, with three or more behind it)',
  ],
];

/**
 * Adds to each login the further hosts that it opens.
 *
 * A host named by a login itself, or one of an account in its region, stays with that login, whatever the others are to
 * open.
 */
export function withExtraHosts(logins: readonly Login[], { accounts, hosts, region }: ExtraHosts): readonly Login[] {
  const ofAccounts = (login: Login): readonly string[] =>
    login.hosts.flatMap((host) =>
      ACCOUNT_OF_HOST.test(host) ? accounts.map((account) => host.replace(ACCOUNT_OF_HOST, account)) : [],
    );
  const own = new Set(logins.flatMap((login) => login.hosts));
  const taken = new Set([...own, ...logins.flatMap(ofAccounts)]);
  return logins.map((login) => {
    const byName = login.registry === region ? hosts.filter((host) => !taken.has(host)) : [];
    const further = [...ofAccounts(login).filter((host) => !own.has(host)), ...byName];
    return further.length === 0 ? login : { ...login, hosts: [...login.hosts, ...new Set(further)].sort() };
  });
}
