// Certificates of test servers, generated each time, so that no key is ever in the repository: a self-signed one for
// 127.0.0.1, and an authority that signs for any name.

import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ServerCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface Authority {
  /** PEM, to be trusted. */
  readonly certificate: string;
  /**
   * A certificate for host names and IPv4 addresses, at least one; always the same for the same ones.
   */
  issue(...hosts: readonly string[]): ServerCertificate;
}

/** Tags of ASN.1 DER (ITU-T X.690) that a certificate (RFC 5280) is made of. */
const TAG = { boolean: 0x01, integer: 0x02, bits: 0x03, bytes: 0x04, oid: 0x06, text: 0x0c, utcTime: 0x17 } as const;
const SEQUENCE = 0x30;
const SET = 0x31;
const GENERALIZED_TIME = 0x18;

/** Encoded object identifiers. */
const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  subjectAltName: '551d11',
} as const;

/** For 127.0.0.1; self-signed. */
export function makeSelfSigned(): ServerCertificate {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = 'test server on loopback';
  // Context tag 7 of GeneralName: an IP address.
  const alternative = der(0x87, Buffer.from([127, 0, 0, 1]));
  const certificate = makeCertificate({ ...keys, name, alternative, isAuthority: true }, { ...keys, name });
  return { certificate, key: pkcs8(keys.privateKey) };
}

/** A self-signed authority with an RSA key of 1024 bits; by openssl, since nothing else here makes RSA certificates. */
export function makeWeakPair(name: string): ServerCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'weak-'));
  const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')];
  try {
    const kind = ['-newkey', 'rsa:1024', '-nodes', '-keyout', key, '-out', certificate];
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '30'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...subject], { stdio: 'ignore' });
    return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function makeAuthority(): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { ...keys, name: 'test authority' };
  const issued = new Map<string, ServerCertificate>();
  const issue = (hosts: readonly string[]): ServerCertificate => {
    const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // Context tags of GeneralName: 7 for an IP address, 2 for a DNS name. The common name has room for 64 characters.
    const alternative = Buffer.concat(
      hosts.map((host) =>
        isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
      ),
    );
    const subject = { ...leaf, name: (hosts[0] ?? '').slice(0, 64), alternative, isAuthority: false };
    return { certificate: makeCertificate(subject, issuer), key: pkcs8(leaf.privateKey) };
  };
  return {
    certificate: makeCertificate({ ...issuer, isAuthority: true }, issuer),
    issue(...hosts) {
      const known = issued.get(hosts.join()) ?? issue(hosts);
      issued.set(hosts.join(), known);
      return known;
    },
  };
}

interface Issuer {
  readonly name: string;
  readonly privateKey: KeyObject;
}

interface Subject {
  readonly name: string;
  readonly publicKey: KeyObject;
  /** Encoded GeneralNames, one after the other. */
  readonly alternative?: Buffer;
  readonly isAuthority: boolean;
}

function makeCertificate(subject: Subject, issuer: Issuer): string {
  const algorithm = der(SEQUENCE, oid('ecdsaWithSha256'));
  const validity = der(
    SEQUENCE,
    der(TAG.utcTime, Buffer.from('200101000000Z')),
    der(GENERALIZED_TIME, Buffer.from('21260101000000Z')),
  );
  const constraint = subject.isAuthority ? [der(TAG.boolean, Buffer.from([0xff]))] : [];
  const extensions = der(
    SEQUENCE,
    extension('basicConstraints', der(SEQUENCE, ...constraint)),
    ...(subject.alternative ? [extension('subjectAltName', der(SEQUENCE, subject.alternative))] : []),
  );
  const content = der(
    SEQUENCE,
    der(0xa0, der(TAG.integer, Buffer.from([2]))),
    der(TAG.integer, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    nameOf(issuer.name),
    validity,
    nameOf(subject.name),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = sign('sha256', content, issuer.privateKey);
  return pem(der(SEQUENCE, content, algorithm, der(TAG.bits, Buffer.from([0]), signature)));
}

function nameOf(text: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, oid('commonName'), der(TAG.text, Buffer.from(text)))));
}

function extension(name: keyof typeof OID, value: Buffer): Buffer {
  return der(SEQUENCE, oid(name), der(TAG.bytes, value));
}

function pkcs8(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}

/** Tag, length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}

function oid(name: keyof typeof OID): Buffer {
  return der(TAG.oid, Buffer.from(OID[name], 'hex'));
}

function pem(content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
