// Tokens of OpenID Connect issuers, verified as STS does it: by the issuer's public keys. Trusts no unsigned token.

import { createPublicKey, verify } from 'node:crypto';
import { isRecord, type JsonRecord, listOf, recordOf, stringOf, stringsOf } from '../../src/lib/json.ts';
import type { EpochMs } from '../../src/lib/time.ts';
import { type Refusal, refuse } from './refusal.ts';

/** A registered issuer with its keys (RFC 7517). */
export interface IdentityProvider {
  readonly issuer: string;
  /** As at the issuer's `jwks_uri`: `{keys: [...]}`. */
  readonly jwks: JsonRecord;
}

export interface Claims {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
}

/** Signatures of a JWT (RFC 7518, section 3.1): those that Kubernetes' issuers make. */
const ALGORITHMS: Readonly<Record<string, { readonly hash: string; readonly dsaEncoding?: 'ieee-p1363' }>> = {
  RS256: { hash: 'sha256' },
  ES256: { hash: 'sha256', dsaEncoding: 'ieee-p1363' },
};

/**
 * @param providers  by issuer
 * @returns the token's claims, or STS's refusal
 */
export function verifyIdentityToken(
  token: string,
  providers: ReadonlyMap<string, IdentityProvider>,
  now: EpochMs,
): Claims | Refusal {
  const [head = '', body = '', signature = '', ...rest] = token.split('.');
  const header = decode(head);
  const claims = decode(body);
  const issuer = stringOf(claims?.['iss']);
  if (!header || !claims || issuer === undefined || rest.length > 0)
    return refuse('InvalidIdentityToken', 'The ID Token provided is not a valid JWT.');
  const provider = providers.get(issuer);
  if (!provider) return refuse('InvalidIdentityToken', `No OpenIDConnect provider found in your account for ${issuer}`);
  if (!isSigned(`${head}.${body}`, signature, header, provider))
    return refuse('InvalidIdentityToken', "Couldn't retrieve verification key from your identity provider");
  const expires = Number(claims['exp']);
  if (!(expires * 1_000 > now)) {
    const times = `current date/time ${Math.floor(now / 1_000)} must be before the expiration date/time ${expires}`;
    return refuse('ExpiredTokenException', `Token expired: ${times}`);
  }
  const audience = claims['aud'];
  return {
    issuer,
    subject: stringOf(claims['sub']) ?? '',
    audiences: typeof audience === 'string' ? [audience] : stringsOf(audience),
  };
}

function isSigned(text: string, signature: string, { alg, kid }: JsonRecord, { jwks }: IdentityProvider): boolean {
  const algorithm = ALGORITHMS[stringOf(alg) ?? ''];
  const key = listOf(jwks['keys'])
    .map(recordOf)
    .find((one) => one['kid'] === kid);
  if (!algorithm || !key) return false;
  const { hash, ...how } = algorithm;
  const publicKey = { key: createPublicKey({ key: key, format: 'jwk' }), ...how };
  return verify(hash, Buffer.from(text), publicKey, Buffer.from(signature, 'base64url'));
}

function decode(part: string): JsonRecord | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
