// Where the certificate of the webhook comes from, as its server sees it.

import type { KeyPair } from '../../pki/certificate.ts';
import type * as sign from '../../pki/sign.ts';

/** Makes certificates; loaded when needed. */
export type Signer = typeof sign;

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
