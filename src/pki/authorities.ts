// The certificates of authorities in a foreign text: a bundle, with anything else in it.

import { X509Certificate } from 'node:crypto';

const PEM = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g;

/**
 * The certificates that TLS can use, each as PEM, in order, no repeats. An unreadable one is left out: in a list it
 * would make every connection fail.
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
