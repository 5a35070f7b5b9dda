// Makes certificates: authorities, and leaves that they sign. Loaded only when the webhook makes its own
// (docs/design/adr/0006).

// Before the library, which looks for it while loading.
import 'reflect-metadata';
import { createPrivateKey, webcrypto as crypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  type X509Certificate as Certificate,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type DurationMs, dateOf, type EpochMs, HOUR } from '../lib/time.ts';
import { AUTHORITY_NAME, type KeyPair } from './certificate.ts';

/** The same lifetimes as those of cert-manager for its own webhook. */
const AUTHORITY_LIFE = (365 * 24 * HOUR) as DurationMs;
export const LEAF_LIFE = (7 * 24 * HOUR) as DurationMs;
/** A certificate is valid from a little before its making: the API server's clock may be behind. */
const BACKDATE = HOUR;

/** P-256: every TLS client knows it, and a signature takes less than a millisecond. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A self-signed authority. */
export async function makeAuthority(now: EpochMs): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(now, AUTHORITY_LIFE),
    serialNumber: serialNumber(),
    name: `CN=${AUTHORITY_NAME}`,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      // Signs leaves only, no further authorities.
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return await pairOf(certificate, keys.privateKey);
}

/**
 * A certificate for a server.
 *
 * @param names  host names and IP addresses that clients use, at least one
 */
export async function signLeaf(authority: KeyPair, names: readonly string[], now: EpochMs): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const issuer = await keysOf(authority);
  const alternatives = names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(alternatives),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
  ];
  const certificate = await X509CertificateGenerator.create({
    ...validity(now, LEAF_LIFE),
    serialNumber: serialNumber(),
    subject: `CN=${AUTHORITY_NAME} server`,
    issuer: `CN=${AUTHORITY_NAME}`,
    publicKey: keys.publicKey,
    signingKey: issuer.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions,
  });
  return await pairOf(certificate, keys.privateKey);
}

function validity(now: EpochMs, life: DurationMs): { readonly notBefore: Date; readonly notAfter: Date } {
  const start = (now - BACKDATE) as EpochMs;
  return { notBefore: dateOf(start), notAfter: dateOf((start + life) as EpochMs) };
}

/** 16 random bytes, positive and without a leading zero byte (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

async function keysOf({ certificate, key }: KeyPair): Promise<crypto.CryptoKeyPair> {
  const spki = new X509Certificate(certificate).publicKey;
  const [publicKey, privateKey] = await Promise.all([
    crypto.subtle.importKey('spki', spki.export({ type: 'spki', format: 'der' }), ALGORITHM, true, ['verify']),
    crypto.subtle.importKey('pkcs8', createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }), ALGORITHM, false, [
      'sign',
    ]),
  ]);
  return { publicKey, privateKey };
}

async function pairOf(certificate: Certificate, privateKey: crypto.CryptoKey): Promise<KeyPair> {
  const key = PemConverter.encode(await crypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY');
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${key}\n`,
    notBefore: certificate.notBefore.getTime() as EpochMs,
    notAfter: certificate.notAfter.getTime() as EpochMs,
  };
}
