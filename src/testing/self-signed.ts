// A certificate for 127.0.0.1 that signs itself, made anew for each test server: no key is ever in the repository.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface SelfSigned {
  /** PEM; it is its own authority. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
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

export function makeSelfSigned(): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(SEQUENCE, oid('ecdsaWithSha256'));
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, oid('commonName'), der(TAG.text, Buffer.from('test server on loopback')))),
  );
  const validity = der(
    SEQUENCE,
    der(TAG.utcTime, Buffer.from('200101000000Z')),
    der(GENERALIZED_TIME, Buffer.from('21260101000000Z')),
  );
  const isAuthority = der(SEQUENCE, der(TAG.boolean, Buffer.from([0xff])));
  // Context tag 7 of GeneralName: an IP address.
  const addresses = der(SEQUENCE, der(0x87, Buffer.from([127, 0, 0, 1])));
  const extensions = der(
    SEQUENCE,
    der(SEQUENCE, oid('basicConstraints'), der(TAG.bytes, isAuthority)),
    der(SEQUENCE, oid('subjectAltName'), der(TAG.bytes, addresses)),
  );
  const content = der(
    SEQUENCE,
    der(0xa0, der(TAG.integer, Buffer.from([2]))),
    der(TAG.integer, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = sign('sha256', content, privateKey);
  const certificate = der(SEQUENCE, content, algorithm, der(TAG.bits, Buffer.from([0]), signature));
  return { certificate: pem(certificate), key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
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
