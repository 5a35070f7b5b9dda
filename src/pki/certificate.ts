// The contents of certificates, read by Node's own parser: their owner, whether the key fits, and their validity.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { DurationMs, EpochMs } from '../lib/time.ts';

/** The validity period of a certificate. */
export interface Validity {
  readonly notBefore: EpochMs;
  readonly notAfter: EpochMs;
}

/** A certificate and its private key, as TLS takes them. */
export interface KeyPair extends Validity {
  /** PEM; for a leaf, those of its issuers may follow. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

/** The common name of every authority that the operator makes; it never signs with an authority of another name. */
export const AUTHORITY_NAME = 'kube-ecr-secrets-operator webhook';

/** A certificate is renewed when this share of its life is left, as in cert-manager. */
const RENEWAL_SHARE = 1 / 3;

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates in a text, each with its line feed; empty when there is none. */
export function certificatesIn(text: string): readonly string[] {
  return [...text.matchAll(PEM)].map(([pem]) => `${pem}\n`);
}

/**
 * @param certificate  PEM; the first of several is read
 * @param key          PEM
 * @returns the pair, or why it is none; the parser's own words are left out, they may hold a piece of the key
 */
export function readKeyPair(certificate: string, key: string): KeyPair | string {
  const parsed = parse(certificate);
  if (!parsed) return 'holds no certificate in PEM form';
  const own = parseKey(key);
  if (!own) return 'holds no private key in PEM form';
  if (!parsed.checkPrivateKey(own)) return 'holds a private key that does not belong to its certificate';
  if (!isServable(certificate, key))
    return 'holds a certificate, or one of its issuers, that TLS refuses: too weak, or broken';
  return { certificate, key, ...validityOf(parsed) };
}

/**
 * Reads an authority that the operator once stored.
 *
 * @returns the authority, or why it cannot sign
 */
export function readAuthority(certificate: string, key: string): KeyPair | string {
  const pair = readKeyPair(certificate, key);
  if (typeof pair === 'string') return pair;
  const parsed = parse(certificate);
  if (parsed?.subject !== `CN=${AUTHORITY_NAME}`) return 'holds a certificate that this operator did not make';
  if (parsed.publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    return 'holds a key of another kind than this operator makes';
  if (!parsed.ca || !parsed.verify(parsed.publicKey)) return 'holds a certificate that is no authority';
  return pair;
}

/** The validity of the first certificate in a PEM text; undefined when there is none. */
export function readValidity(certificate: string): Validity | undefined {
  const parsed = parse(certificate);
  return parsed ? validityOf(parsed) : undefined;
}

/** Whether the certificate must be renewed: a third of its life is left, or it is not valid at this time. */
export function isDue({ notBefore, notAfter }: Validity, now: EpochMs): boolean {
  return now < notBefore || now >= renewalTime({ notBefore, notAfter });
}

/** When the renewal is due. */
export function renewalTime({ notBefore, notAfter }: Validity): EpochMs {
  return (notAfter - (notAfter - notBefore) * RENEWAL_SHARE) as EpochMs;
}

export function isGood({ notBefore, notAfter }: Validity, now: EpochMs): boolean {
  return now >= notBefore && now < notAfter;
}

/**
 * The authorities that clients are to trust: the newest, and while leaves of an older one may still be served, that
 * too.
 *
 * @param certificates  PEM, newest first
 * @param leafLife      how long a leaf is valid
 * @returns a part of them in the same order, without repeats
 */
export function trusted(certificates: readonly string[], leafLife: DurationMs, now: EpochMs): readonly string[] {
  const newest = certificates[0] === undefined ? undefined : readValidity(certificates[0]);
  // Twice: a process that was away, or whose clock is behind, may have signed a leaf a little later than the others.
  const areOldGone = newest !== undefined && now > newest.notBefore + 2 * leafLife;
  return [...new Set(certificates)].filter((certificate, index) => {
    if (index === 0) return true;
    const validity = readValidity(certificate);
    return !areOldGone && validity !== undefined && isGood(validity, now);
  });
}

/** Whether a server would accept it: OpenSSL demands a minimal strength, and reads the issuers too. */
function isServable(cert: string, key: string): boolean {
  try {
    // An empty `ca`: Node would otherwise load all default authorities.
    createSecureContext({ cert, key, ca: [], minVersion: 'TLSv1.2' });
    return true;
  } catch {
    return false;
  }
}

function parse(certificate: string): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate);
  } catch {
    return undefined;
  }
}

function parseKey(key: string): KeyObject | undefined {
  try {
    return createPrivateKey(key);
  } catch {
    return undefined;
  }
}

function validityOf({ validFromDate, validToDate }: X509Certificate): Validity {
  return { notBefore: validFromDate.getTime() as EpochMs, notAfter: validToDate.getTime() as EpochMs };
}
