// Further certificate authorities for AWS (`AWS_CA_BUNDLE`): the file is read again, since rotating it restarts
// nothing.

import { failureFrom } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { type Clock, type DurationMs, MINUTE, sleep } from '../lib/time.ts';
import { usableAuthorities } from '../pki/authorities.ts';

export interface AuthoritiesParts {
  /** The text of the file. @throws when it cannot be read */
  readonly read: () => Promise<string>;
  /** The text when the operator started. */
  readonly text: string;
  /** From now on these are trusted, each PEM. */
  readonly trust: (authorities: readonly string[]) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A changed file takes effect within a minute. */
const LOOK_EVERY = (MINUTE / 2) as DurationMs;

/**
 * Runs until `signal` aborts. A deleted file, or one without a usable certificate, leaves the trusted ones as they are.
 */
export async function followAuthorities(parts: AuthoritiesParts, signal: AbortSignal): Promise<void> {
  const { read, trust, clock, log } = parts;
  let seen = parts.text;
  let trouble: string | undefined;

  const look = async (): Promise<string | undefined> => {
    const text = await read();
    if (text === seen) return undefined;
    const authorities = usableAuthorities(text);
    if (authorities.length === 0) return 'it holds no certificate that can be used';
    trust(authorities);
    seen = text;
    log.info('Trusts the authorities of a changed AWS_CA_BUNDLE', { certificates: authorities.length });
    return undefined;
  };

  while (!signal.aborted) {
    await sleep(clock, LOOK_EVERY, signal);
    if (signal.aborted) return;
    const found = await look().catch((thrown: unknown) => `it cannot be read (${codeOf(thrown)})`);
    if (found !== undefined && found !== trouble)
      log.warn('AWS_CA_BUNDLE changed, and is not used: what was trusted before still is', { message: found });
    trouble = found;
  }
}

/** Such as ENOENT. */
function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : failureFrom(thrown).reason;
}
