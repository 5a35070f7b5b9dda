// The secrets and certificates of one control plane: the admin's token, the service account keys, the kubeconfig.
// Made once per data folder; a control plane that is started on kept data finds them again.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify as stringifyYaml } from 'yaml';
import type { ServerCertificate } from '../network/self-signed.ts';
import type { ControlPlaneFiles } from './flags.ts';

/** Readable by this user only. */
const PRIVATE = { mode: 0o600 };

/**
 * Makes the token file and the service account keys, unless they exist.
 * @returns the token of the user `admin` in the group `system:masters`
 */
export function ensureCredentials(files: ControlPlaneFiles): string {
  if (!existsSync(files.serviceAccountKey)) {
    // P-256: made in a millisecond, where RSA takes a second; kube-apiserver signs with either.
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(files.serviceAccountPublicKey, publicKey.export({ format: 'pem', type: 'spki' }));
    writeFileSync(files.serviceAccountKey, privateKey.export({ format: 'pem', type: 'pkcs8' }), PRIVATE);
  }
  if (!existsSync(files.tokens)) {
    const token = randomBytes(24).toString('base64url');
    writeFileSync(files.tokens, `${token},admin,admin,"system:masters"\n`, PRIVATE);
  }
  return readFileSync(files.tokens, 'utf8').split(',')[0] ?? '';
}

/** How one node reaches the API server, and as whom. In a network of its own: it listens on all addresses then. */
export interface NodeSide {
  readonly name: string;
  /** Of the API server. */
  readonly address: string;
  /** For 127.0.0.1, the address and the ClusterIP 10.0.0.1; with the authority that signed it behind it. */
  readonly certificate: ServerCertificate;
  /** Of the kubelet, as `system:node:<name>`. */
  readonly token: string;
}

/** A token for a node's kubelet, and the certificate under which the node reaches kube-apiserver. */
export function addNode(files: ControlPlaneFiles, { name, certificate, token }: NodeSide): void {
  const tokens = readFileSync(files.tokens, 'utf8');
  const line = `${token},system:node:${name},${name},"system:nodes"\n`;
  if (!tokens.includes(line)) writeFileSync(files.tokens, `${tokens}${line}`, PRIVATE);
  mkdirSync(files.certificates, { recursive: true });
  writeFileSync(join(files.certificates, 'apiserver.crt'), certificate.certificate);
  writeFileSync(join(files.certificates, 'apiserver.key'), certificate.key, PRIVATE);
}

/**
 * The certificate (PEM) that signed kube-apiserver's own, or undefined while kube-apiserver has not written it yet.
 * kube-apiserver writes its certificate and then the one that signed it into one file, and the key after that.
 */
export function readCertificateAuthority(certificates: string): string | undefined {
  if (!existsSync(join(certificates, 'apiserver.key'))) return undefined;
  const text = readFileSync(join(certificates, 'apiserver.crt'), 'utf8');
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/gu)?.at(-1);
}

/** A kubeconfig (YAML) with one context, `control-plane`. */
export function makeKubeconfig(url: string, certificateAuthority: string, token: string): string {
  const name = 'control-plane';
  return stringifyYaml(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name,
          cluster: { server: url, 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') },
        },
      ],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name, context: { cluster: name, user: 'admin' } }],
      'current-context': name,
    },
    { lineWidth: 0 },
  );
}
