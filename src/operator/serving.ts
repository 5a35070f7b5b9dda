// The certificate that the webhook serves: where it comes from, when it changes, and whether the API server can trust it yet.
//
// Looked at once a minute on the wall clock, since a machine may sleep, and at once when the configuration changes.

import { Failure, failureFrom } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { backoff, type Clock, type DurationMs, type EpochMs, MINUTE, type Random, SECOND, sleep } from '../lib/time.ts';
import { isDue, isGood, type KeyPair } from '../pki/certificate.ts';
import { readPair } from '../pki/files.ts';
import type { Authorities, AuthoritySecret } from './authority-secret.ts';
import { createBudget } from './budget.ts';
import { bundleOf, trusts, type WebhookConfiguration } from './webhook-configuration.ts';

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

export interface Serving {
  /** Runs until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Something changed: look now. */
  wake(): void;
  /** Why the webhook cannot be called yet; undefined when it can. */
  lacks(): string | undefined;
  /** When the certificate that is served ends. */
  endsAt(): EpochMs | undefined;
}

const LOOK_EVERY = MINUTE;
/** After a look that failed, or met a write of somebody else; later each time. */
const FIRST_PAUSE = SECOND;

export function createServing(
  source: Source,
  use: (pair: KeyPair) => void,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
): Serving {
  let served: KeyPair | undefined;
  let lacks: string | undefined = 'no certificate yet';
  let attempts = 0;
  let interrupt = new AbortController();

  /** @throws Failure, or whatever a server throws that cannot use it */
  const lookAndUse = async (signal: AbortSignal): ReturnType<Source['look']> => {
    const found = await source.look(signal);
    if (!signal.aborted && found.pair && found.pair !== served) {
      use(found.pair);
      served = found.pair;
    }
    return found;
  };

  const look = async (signal: AbortSignal): Promise<void> => {
    const found = await lookAndUse(signal).catch(failureFrom);
    if (signal.aborted) return;
    // What is served stays as good as it was.
    const [reason, message] = found instanceof Failure ? [found.reason, found.message] : ['NotTrusted', found.lacks];
    if (message !== undefined && message !== lacks)
      log.warn(
        'The webhook has trouble with its certificate',
        { reason, message },
        found instanceof Failure ? found : undefined,
      );
    lacks = message;
  };

  return {
    async run(signal) {
      const end = (): void => interrupt.abort();
      signal.addEventListener('abort', end);
      while (!signal.aborted) {
        interrupt = new AbortController();
        await look(signal);
        const pause = lacks === undefined ? LOOK_EVERY : backoff(attempts, FIRST_PAUSE, LOOK_EVERY, random);
        attempts = lacks === undefined ? 0 : attempts + 1;
        await sleep(clock, pause, signal.aborted ? signal : interrupt.signal);
      }
      signal.removeEventListener('abort', end);
    },
    wake: () => interrupt.abort(),
    lacks: () => (served && isGood(served, clock.now()) ? lacks : (lacks ?? 'the certificate has ended')),
    endsAt: () => served?.notAfter,
  };
}

/** Files that somebody else renews, such as cert-manager. Whoever does so sees to `caBundle` too. */
export function sourceOfFiles(folder: string): Source {
  let held: KeyPair | undefined;
  return {
    async look() {
      const pair = await readPair(folder);
      if (held?.certificate !== pair.certificate || held.key !== pair.key) held = pair;
      return { pair: held, lacks: undefined };
    },
  };
}

export interface OwnSourceOptions {
  readonly secret: AuthoritySecret;
  readonly signer: () => Promise<Signer>;
  /** Host names and addresses by which the API server calls us. */
  readonly names: readonly string[];
  readonly clock: Clock;
  /** The configuration as it was last seen. */
  readonly configuration: () => WebhookConfiguration | undefined;
  /** Writes the bundle; false: it was changed meanwhile. */
  readonly writeBundle: (to: WebhookConfiguration, bundle: string, signal: AbortSignal) => Promise<boolean>;
}

/**
 * How long every API server has to have heard of a new authority before anything signed by it is served. They follow their
 * configurations by watches; a minute is what we allow a watch of our own to be late.
 */
const HEARD_AFTER = MINUTE;
/** Who takes the bundle out again and again is answered less and less often. */
const REPAIRS = { perSecond: 0.1, atOnce: 10 };

/** Certificates of our own: one authority for all replicas, a leaf for each, which is never stored. */
export function ownSource(options: OwnSourceOptions): Source {
  const { secret, signer, names, clock, configuration } = options;
  let leaf: { readonly pair: KeyPair; readonly issuer: string } | undefined;
  const repairs = createBudget(clock, REPAIRS.perSecond, REPAIRS.atOnce);
  let heard: { readonly issuer: string; readonly since: DurationMs } | undefined;

  const needsLeaf = ({ newest, trusted }: Authorities): boolean => {
    if (!leaf || isDue(leaf.pair, clock.now()) || !trusted.includes(leaf.issuer)) return true;
    const isHeard = heard?.issuer === newest.certificate && clock.monotonic() - heard.since >= HEARD_AFTER;
    return leaf.issuer !== newest.certificate && isHeard;
  };

  /** @returns why the API server does not trust us yet */
  const tell = async (
    seen: WebhookConfiguration,
    bundle: string,
    newest: string,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    const isTold = trusts(seen, bundle);
    if (!isTold && !repairs.take())
      return 'somebody else changes caBundle of the webhook configuration again and again';
    if (!isTold && !(await options.writeBundle(seen, bundle, signal)))
      return 'the webhook configuration was changed at this moment';
    if (heard?.issuer !== newest) heard = { issuer: newest, since: clock.monotonic() };
    return undefined;
  };

  return {
    async look(signal) {
      const seen = configuration();
      // Nobody can call us, and whoever took the configuration away may have taken the Secret too: it is not made anew.
      if (!seen) return { pair: leaf?.pair, lacks: 'there is no such webhook configuration, or it may not be watched' };
      const authorities = await secret.ensure(leaf ? [leaf.issuer] : [], clock.now(), signal);
      if (!authorities) return { pair: leaf?.pair, lacks: 'the authority was changed at this moment' };
      const { newest, trusted } = authorities;
      const lacks = await tell(seen, bundleOf(trusted), newest.certificate, signal);
      if (needsLeaf(authorities)) {
        const pair = await (await signer()).signLeaf(newest, names, clock.now());
        leaf = { pair, issuer: newest.certificate };
      }
      return { pair: leaf?.pair, lacks };
    },
  };
}
