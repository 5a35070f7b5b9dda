// The certificates of authorities in a foreign text: a bundle, with anything else in it.

import { X509Certificate } from 'node:crypto';

const BEGIN = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----/g;
const END = /-----END (?:TRUSTED )?CERTIFICATE-----/;

export interface Bundle {
  /** The certificates that TLS can use, each as PEM, in order, no repeats. */
  readonly usable: readonly string[];
  /** Of those that cannot be read: their places among all certificates, from 1. */
  readonly broken: readonly number[];
  /** How many certificates begin in the text. */
  readonly count: number;
}

/**
 * Reads each certificate by itself: in a list an unreadable one would make every connection fail, or hide those behind
 * it.
 *
 * @param text  may hold comments, keys, indented or broken certificates, two in one line, lines that end in CR LF
 */
export function readBundle(text: string): Bundle {
  const [, ...begun] = text.split(BEGIN);
  const read = begun.map(readable);
  return {
    usable: [...new Set(read.filter((pem) => pem !== undefined))],
    broken: read.flatMap((pem, index) => (pem === undefined ? [index + 1] : [])),
    count: begun.length,
  };
}

/** @param text  behind the line that begins a certificate */
function readable(text: string): string | undefined {
  const [body = '', ...behind] = text.split(END);
  if (behind.length === 0) return undefined;
  try {
    const lines = body.replaceAll(/^[ \t]+/gm, '').trim();
    return new X509Certificate(`-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`).toString();
  } catch {
    return undefined;
  }
}
