// A certificate and its key in files, as in a mounted Secret of type kubernetes.io/tls.

import { readFile } from 'node:fs/promises';
import { Failure } from '../lib/errors.ts';
import { type KeyPair, readKeyPair } from './certificate.ts';

/**
 * @param folder  with `tls.crt` and `tls.key`
 * @throws Failure when they cannot be read, or do not match: a reader can see a change between the two files
 */
export async function readPair(folder: string): Promise<KeyPair> {
  const broken = (why: string, cause?: unknown): Failure =>
    new Failure({ next: 'backoff', reason: 'BadCertificate', message: `${folder} ${why}`, cause });
  let texts: readonly [string, string];
  try {
    texts = await Promise.all([readFile(`${folder}/tls.crt`, 'utf8'), readFile(`${folder}/tls.key`, 'utf8')]);
  } catch (cause) {
    throw broken('has no tls.crt and tls.key that can be read', cause);
  }
  const pair = readKeyPair(...texts);
  if (typeof pair === 'string') throw broken(pair);
  return pair;
}
