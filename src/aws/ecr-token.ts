// GetAuthorizationToken's answer -> a token, checked field by field. Pure; its errors never hold any of the token.

import { partition } from '@aws-sdk/core/client';
import { Failure } from '../lib/errors.ts';
import { isRecord, listOf, stringOf } from '../lib/json.ts';
import { type DurationMs, type EpochMs, HOUR, MINUTE, plus, SECOND } from '../lib/time.ts';

/** Structurally what `core/login.ts` calls a Token. */
export interface EcrToken {
  readonly username: string;
  readonly password: string;
  readonly hosts: readonly string[];
  readonly expiresAt: EpochMs;
}

/** Life of a token whose answer gives no end (docs/design/rules.md, rule 5). */
const ASSUMED_LIFE = (6 * HOUR) as DurationMs;
/** ECR tokens live 12 hours (ECR API reference, GetAuthorizationToken); a later end is not believed. */
const LONGEST_LIFE = (12 * HOUR) as DurationMs;
/** A token that ends sooner is useless. */
const SHORTEST_LIFE = (5 * SECOND) as DurationMs;
/** The delay before the retry after a useless answer. */
const ASK_AGAIN_AFTER = MINUTE;
/** Real tokens are 2 to 4 KB; a larger one would fill a Secret (1 MiB) with few registries. */
const LONGEST_TOKEN = 64 * 1024;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Control characters, and what stands for bytes that are no text. */
const CONTROL = /[\p{Cc}\ufffd]/u;

/** Account, `dkr.ecr` (or `dkr-ecr`, dual-stack) with or without `-fips`, then the region. */
const HOST = /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(.+)$/;

function bad(what: string): Failure {
  return new Failure({
    next: 'after',
    delay: ASK_AGAIN_AFTER,
    reason: 'BadECRAnswer',
    message: `ECR's answer ${what}`,
  });
}

export interface Expected {
  /** The requested region; a host of another one is refused. */
  readonly region: string;
  /** Twelve digits: a host of another account is refused. Undefined: not known beforehand. */
  readonly account?: string | undefined;
  /** The login opens these names of the registry as well. */
  readonly useFips?: boolean;
  readonly useDualstack?: boolean;
  /** Any https host is accepted: the operator's administrator set the endpoint that names it. */
  readonly anyHost?: boolean;
  /** One of plain HTTP is accepted too: so is the administrator's endpoint, as that of a stand-in for AWS is. */
  readonly mayBePlain?: boolean;
}

/** The host of ECR Public, and its host for IPv6 (ECR Public user guide, Making requests). */
const PUBLIC_HOST = 'public.ecr.aws';
const PUBLIC_DUALSTACK_HOST = 'ecr-public.aws.com';

/**
 * @param answer  of ECR Public, as the SDK gives it: `{authorizationData: {authorizationToken, expiresAt}}`
 * @throws Failure as parseToken
 */
export function parsePublicToken(
  answer: unknown,
  { useDualstack = false }: Pick<Expected, 'useDualstack'>,
  now: EpochMs,
): EcrToken {
  const entry = isRecord(answer) ? answer['authorizationData'] : undefined;
  if (!isRecord(entry)) throw bad('holds no authorization data');
  return {
    ...parsePassword(stringOf(entry['authorizationToken'])),
    hosts: useDualstack ? [PUBLIC_DUALSTACK_HOST, PUBLIC_HOST] : [PUBLIC_HOST],
    expiresAt: parseEnd(entry['expiresAt'], now),
  };
}

/**
 * @param answer  the answer as the SDK gives it: `{authorizationData: [{authorizationToken, expiresAt,
 *                proxyEndpoint}]}`
 * @throws Failure (`after` a minute) when any part of it cannot be trusted; nothing is taken from half an answer
 */
export function parseToken(answer: unknown, expected: Expected, now: EpochMs): EcrToken {
  const entries = listOf(isRecord(answer) ? answer['authorizationData'] : undefined).filter(isRecord);
  if (entries.length === 0) throw bad('holds no authorization data');
  const [entry] = entries;
  if (entries.length > 1 || entry === undefined) throw bad(`holds ${entries.length} entries where one was asked for`);
  return {
    ...parsePassword(stringOf(entry['authorizationToken'])),
    hosts: parseHosts(stringOf(entry['proxyEndpoint']), expected),
    expiresAt: parseEnd(entry['expiresAt'], now),
  };
}

function parsePassword(token: string | undefined): Pick<EcrToken, 'username' | 'password'> {
  if (!token) throw bad('holds no token');
  if (token.length > LONGEST_TOKEN) throw bad('holds a token of more than 64 KiB');
  if (!BASE64.test(token)) throw bad('holds a token that is not base64');
  const text = Buffer.from(token, 'base64').toString('utf8');
  // Everything after the first colon is the password, whatever it holds.
  const colon = text.indexOf(':');
  if (colon <= 0 || colon === text.length - 1) throw bad('holds a token without a user name or a password');
  if (CONTROL.test(text)) throw bad('holds a token with control characters');
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function parseHosts(endpoint: string | undefined, expected: Expected): readonly string[] {
  if (!endpoint) throw bad('names no registry');
  const host = hostIn(endpoint, expected.mayBePlain ? ['https:', 'http:'] : ['https:']);
  if (host === undefined)
    throw bad(`names a registry that is not an https${expected.mayBePlain ? ' or http' : ''} host`);
  const account = accountOf(host, expected.region);
  if (account === undefined) {
    if (expected.anyHost) return [host];
    throw bad(`names a registry that is not an ECR host of ${expected.region}`);
  }
  if (!expected.anyHost && expected.account !== undefined && account !== expected.account)
    throw bad(`names a registry of another account than ${expected.account}`);
  return [...new Set([host, ...namesOf(account, expected)])];
}

/**
 * Further names of the registry, by the requested endpoints (ECR user guide, Making requests to Amazon ECR registries).
 */
function namesOf(account: string, { region, useFips = false, useDualstack = false }: Expected): readonly string[] {
  const [ipv4, dualstack] = suffixesOf(region);
  const fips = useFips ? '-fips' : '';
  return [
    ...(useFips ? [`${account}.dkr.ecr-fips.${region}.${ipv4}`] : []),
    ...(useDualstack ? [`${account}.dkr-ecr${fips}.${region}.${dualstack}`] : []),
  ];
}

function hostIn(endpoint: string, schemes: readonly string[]): string | undefined {
  const url = URL.parse(endpoint);
  if (!url || !schemes.includes(url.protocol)) return undefined;
  if (url.username || url.password || url.search || url.hash || url.pathname !== '/') return undefined;
  return url.host;
}

/** The account whose registry in `region` has this host; undefined when it is no registry. */
function accountOf(host: string, region: string): string | undefined {
  const [, account, ofRegion, suffix = ''] = HOST.exec(host) ?? [];
  return ofRegion === region && suffixesOf(region).includes(suffix) ? account : undefined;
}

/**
 * DNS suffixes of the region's partition, by the SDK's data. Registries have `on.` where APIs have `api.` (dual-stack).
 */
function suffixesOf(region: string): readonly [ipv4: string, dualstack: string] {
  const { dnsSuffix, dualStackDnsSuffix } = partition(region);
  return [dnsSuffix, dualStackDnsSuffix.replace(/^api\./, 'on.')];
}

function parseEnd(end: unknown, now: EpochMs): EpochMs {
  if (end === undefined || end === null) return plus(now, ASSUMED_LIFE);
  const at = end instanceof globalThis.Date ? end.getTime() : Number.NaN;
  if (Number.isNaN(at)) throw bad('holds an end that is no time');
  if (at - now < SHORTEST_LIFE) {
    // Without instants: they differ with each attempt, and each would change the status of all objects with the key.
    const hours = Math.round((now - at) / HOUR);
    const end = hours < 1 ? 'is at its end' : `ended about ${hours === 1 ? 'an hour' : `${hours} hours`} ago`;
    throw bad(`holds a token that ${end} by the operator's clock: is the clock of the node ahead?`);
  }
  return Math.min(at, now + LONGEST_LIFE) as EpochMs;
}
