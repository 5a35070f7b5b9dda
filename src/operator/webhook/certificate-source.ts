// Where the certificate of the webhook comes from, as its server sees it.

import type { DurationMs, EpochMs } from '../../lib/time.ts';
import type { KeyPair } from '../../pki/certificate.ts';

/** Makes certificates (pki/sign.ts); loaded when needed. */
export interface Signer {
  readonly leafLife: DurationMs;
  readonly makeAuthority: (now: EpochMs) => Promise<KeyPair>;
  readonly signLeaf: (authority: KeyPair, names: readonly string[], now: EpochMs) => Promise<KeyPair>;
}

/** One source of certificates. */
export interface Source {
  /**
   * Checks once whether the certificate must change.
   *
   * @returns the pair to serve, the same one while it does not change; and why the API server cannot use it yet
   * @throws Failure
   */
  look(signal: AbortSignal): Promise<{ readonly pair: KeyPair | undefined; readonly lacks: string | undefined }>;
}
