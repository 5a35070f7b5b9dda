// `.dockerconfigjson`: from logins to text, and from a found Secret back to its passwords. Pure.

import { isRecord, parseJson, recordOf } from '../lib/json.ts';
import { isLater, type Login } from './login.ts';

/**
 * The text of a `.dockerconfigjson` that holds `logins`.
 *
 * Each entry has `username`, `password` and `auth` (some readers know only one of the forms). Hosts are sorted, so the
 * same logins always give the same text. When two logins name the same host, the one that ends later stays.
 *
 * @param logins  at least one, in any order
 */
export function makeDockerConfig(logins: readonly Login[]): string {
  const byHost = new Map<string, Login>();
  for (const login of logins) {
    for (const host of login.hosts) {
      const other = byHost.get(host);
      if (!other || isLater(login, other)) byHost.set(host, login);
    }
  }
  const entries = [...byHost]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([host, { username, password }]) => [host, { username, password, auth: basic(username, password) }] as const);
  return JSON.stringify({ auths: Object.fromEntries(entries) });
}

/** Upper bound of the bytes of `makeDockerConfig`'s text, without making it: many long tokens could exceed memory. */
export function dockerConfigBytes(logins: readonly Login[]): number {
  let bytes = ENTRY_BYTES;
  for (const { username, password, hosts } of logins) {
    // In JSON a character takes six bytes at most; those of real tokens take one.
    const secret = Buffer.byteLength(JSON.stringify(`${username}${password}`));
    const auth = Math.ceil((Buffer.byteLength(`${username}:${password}`) + 2) / 3) * 4;
    for (const host of hosts) bytes += ENTRY_BYTES + Buffer.byteLength(JSON.stringify(host)) + secret + auth;
  }
  return bytes;
}

/** Names, brackets and quotes of one entry, or of the whole. */
const ENTRY_BYTES = 64;

function basic(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

/** The user name and password of one host's entry. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
}

/**
 * The entries of a `.dockerconfigjson`, by host.
 *
 * @param base64  the value as it stands in the Secret's `data`
 * @returns empty for anything that the operator does not write; never an error, and never the parser's words
 */
export function readDockerConfig(base64: string): ReadonlyMap<string, RegistryAuth> {
  const entries = new Map<string, RegistryAuth>();
  for (const [host, entry] of Object.entries(recordOf(recordOf(parseJson(decoded(base64)))['auths']))) {
    const { username, password } = recordOf(entry);
    if (typeof username === 'string' && typeof password === 'string') entries.set(host, { username, password });
  }
  return entries;
}

/**
 * The hosts that a `.dockerconfigjson` opens, in whatever form.
 *
 * The kubelet reads keys without their case and merges repeated ones (Go, encoding/json), which no parser here does: a
 * text with another spelling of `auths`, or with two of them, is none whose hosts are known.
 *
 * @returns undefined for what is no docker config: its hosts are unknown
 */
export function hostsIn(base64: string): readonly string[] | undefined {
  const text = decoded(base64);
  const spelled = text.replace(/\\u([0-9a-fA-F]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  if (spelled.toUpperCase().split('"AUTHS"').length !== 2) return undefined;
  const auths = recordOf(parseJson(text))['auths'];
  return isRecord(auths) ? Object.keys(auths) : undefined;
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
