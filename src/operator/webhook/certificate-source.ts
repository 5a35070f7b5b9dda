// Where the certificate of the webhook comes from, as whoever serves it sees that.

import type { DurationMs, EpochMs } from '../../lib/time.ts';
import type { KeyPair } from '../../pki/certificate.ts';

/** What makes certificates (pki/sign.ts); loaded when it is needed. */
export interface Signer {
  readonly leafLife: DurationMs;
  readonly makeAuthority: (now: EpochMs) => Promise<KeyPair>;
  readonly signLeaf: (authority: KeyPair, names: readonly string[], now: EpochMs) => Promise<KeyPair>;
}

/** One source of certificates. */
export interface Source {
  /**
   * Looks once whether the certificate has to change.
   *
   * @returns the pair to be served, the same one while it does not change; and why it is of no use yet
   * @throws Failure
   */
  look(signal: AbortSignal): Promise<{ readonly pair: KeyPair | undefined; readonly lacks: string | undefined }>;
}
