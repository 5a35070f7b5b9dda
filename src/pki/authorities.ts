// Certificates of authorities in a text that somebody else writes: a bundle, with whatever else stands in it.

import { X509Certificate } from 'node:crypto';

const PEM = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g;

/**
 * The certificates that TLS can use, each as PEM, in order, no repeats. One that cannot be read is left out: in a list it would make every
 * connection fail.
 *
 * @param text  of a bundle; may hold comments, keys, indented or broken certificates, lines that end in CR LF
 */
export function usableAuthorities(text: string): readonly string[] {
  const blocks = text.replaceAll(/^[ \t]+/gm, '').matchAll(PEM);
  return [
    ...new Set(
      [...blocks].flatMap(([block]) => readable(block.replaceAll('TRUSTED CERTIFICATE', 'CERTIFICATE')) ?? []),
    ),
  ];
}

function readable(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).toString();
  } catch {
    return undefined;
  }
}
