// Further certificate authorities for AWS (`AWS_CA_BUNDLE`): the file is read again, since rotating it restarts
// nothing.

import { failureFrom } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { type Clock, type DurationMs, MINUTE, sleep } from '../lib/time.ts';
import { type Bundle, readBundle } from '../pki/authorities.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that name the file of a bundle: for AWS alone, and for every connection. */
export type BundleVariable = 'AWS_CA_BUNDLE' | 'NODE_EXTRA_CA_CERTS';

export interface LoadedBundle extends Bundle {
  readonly file: string;
  readonly text: string;
}

/** A bundle that changes while the operator runs. */
export interface ChangingBundle {
  readonly file: string;
  /** The text when the operator started. */
  readonly text: string;
  /** The text now. @throws when it cannot be read */
  readonly read: () => Promise<string>;
  /** Is told how many certificates of a text that is now in force cannot be read. */
  readonly onBroken: (count: number) => void;
}

export interface AuthoritiesParts extends ChangingBundle {
  /** From now on these are trusted, each PEM. */
  readonly trust: (authorities: readonly string[]) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A changed file takes effect within a minute. */
const LOOK_EVERY = (MINUTE / 2) as DurationMs;
/** The numbers of this many certificates are told. */
const MOST_NUMBERS = 20;

const NONE_USABLE = 'it holds no certificate that can be used';
export const SOME_BROKEN = 'Certificates of a bundle cannot be read, and are not trusted';

/**
 * @param read  throws when the file cannot be read
 * @returns a sentence when the file cannot be used; undefined when there is none
 */
export function loadBundle(
  variable: BundleVariable,
  env: Environment,
  read: (file: string) => string,
): LoadedBundle | string | undefined {
  const file = env[variable];
  if (!file) return undefined;
  let text: string;
  try {
    text = read(file);
  } catch (thrown) {
    return `${variable}: ${file} cannot be read (${codeOf(thrown)})`;
  }
  const bundle = readBundle(text);
  if (bundle.usable.length === 0)
    return `${variable}: ${file} cannot be used: ${NONE_USABLE} (it begins ${bundle.count} certificates in PEM form)`;
  return { ...bundle, file, text };
}

/** Which certificates of a bundle are broken; undefined when none is. */
export function brokenWords(variable: string, file: string, { broken, count }: Bundle): string | undefined {
  if (broken.length === 0) return undefined;
  const more = broken.length > MOST_NUMBERS ? ', …' : '';
  return `${variable}: number ${broken.slice(0, MOST_NUMBERS).join(', ')}${more} of the ${count} certificates in ${file}`;
}

/**
 * Runs until `signal` aborts. A deleted file, or one without a usable certificate, leaves the trusted ones as they are.
 */
export async function followAuthorities(parts: AuthoritiesParts, signal: AbortSignal): Promise<void> {
  const { file, read, onBroken, trust, clock, log } = parts;
  let seen = parts.text;
  let trouble: string | undefined;

  const look = async (): Promise<string | undefined> => {
    const text = await read();
    if (text === seen) return undefined;
    const bundle = readBundle(text);
    if (bundle.usable.length === 0) return NONE_USABLE;
    trust(bundle.usable);
    seen = text;
    log.info('Trusts the authorities of a changed AWS_CA_BUNDLE', { certificates: bundle.usable.length });
    const message = brokenWords('AWS_CA_BUNDLE', file, bundle);
    if (message !== undefined) log.error(SOME_BROKEN, { message });
    onBroken(bundle.broken.length);
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
