// Makes registry passwords that look like ECR's and remembers which ones it made. Keeps hashes only, never a password.

import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { DurationMs } from '../../src/lib/time.ts';
import { type EpochMs, plus } from '../../src/lib/time.ts';

/** The owner of a token, and its end. */
export interface TokenOwner {
  readonly accountId: string;
  readonly region: string;
  readonly expiresAt: EpochMs;
}

export interface IssuedToken {
  /** Base64 of `AWS:<password>`, as in `authorizationData[].authorizationToken`. */
  readonly authorizationToken: string;
  readonly expiresAt: EpochMs;
}

export interface TokenIssuer {
  /** A new token for every call, as AWS does; older ones stay valid until they expire. */
  issue(accountId: string, region: string, now: EpochMs, life: DurationMs): IssuedToken;
  /** The owner of exactly this password; undefined when it was never issued, or `now` is at or after its end. */
  find(password: string, now: EpochMs): TokenOwner | undefined;
  /** How many were issued since the start. */
  count(): number;
}

/**
 * Bytes in the encrypted parts, chosen so that a password has 1.8 to 2.4 thousand characters, the size of real ones.
 * Real ones are opaque; the JSON inside (payload, datakey, version, type, expiration) is what decoding them shows.
 */
const DATAKEY_BYTES = 184;
const PAYLOAD_BYTES = { from: 780, below: 1_070 };

export function createTokenIssuer(): TokenIssuer {
  const owners = new Map<string, TokenOwner>();
  const digest = (password: string): string => createHash('sha256').update(password).digest('base64');
  return {
    issue(accountId, region, now, life) {
      const expiresAt = plus(now, life);
      const text = JSON.stringify({
        payload: randomBytes(randomInt(PAYLOAD_BYTES.from, PAYLOAD_BYTES.below)).toString('base64'),
        datakey: randomBytes(DATAKEY_BYTES).toString('base64'),
        version: '2',
        type: 'DATA_KEY',
        expiration: Math.floor(expiresAt / 1_000),
      });
      const password = Buffer.from(text).toString('base64');
      owners.set(digest(password), { accountId, region, expiresAt });
      return { authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'), expiresAt };
    },
    find(password, now) {
      const owner = owners.get(digest(password));
      return owner && now < owner.expiresAt ? owner : undefined;
    },
    count: () => owners.size,
  };
}
