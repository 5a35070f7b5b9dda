// Certificates that the operator signs: one authority for all replicas, a leaf for each replica, which is never stored.

import { type Clock, type DurationMs, MINUTE } from '../../lib/time.ts';
import { createTokenBucket } from '../../lib/token-bucket.ts';
import { isDue, type KeyPair } from '../../pki/certificate.ts';
import type { Authorities, AuthoritySecret } from './authority-secret.ts';
import type { Signer, Source } from './certificate-source.ts';
import { bundleOf, trusts, type WebhookConfiguration } from './configuration.ts';

export interface OwnSourceOptions {
  readonly secret: AuthoritySecret;
  readonly signer: () => Promise<Signer>;
  /** Host names and addresses by which the API server calls the operator. */
  readonly names: readonly string[];
  readonly clock: Clock;
  /** The configuration as last seen. */
  readonly configuration: () => WebhookConfiguration | undefined;
  /** Writes the bundle; false: another writer changed the configuration meanwhile. */
  readonly writeBundle: (to: WebhookConfiguration, bundle: string, signal: AbortSignal) => Promise<boolean>;
}

/**
 * How long a new authority must be in the configuration before the operator serves a leaf that it signed. Every API
 * server follows its configurations by a watch; a minute is what the operator allows its own watches to be late.
 */
const HEARD_AFTER = MINUTE;
/** Most repairs of a bundle that another writer removes again and again. */
const REPAIRS = { perSecond: 0.1, atOnce: 10 };

/** Certificates that the operator signs: one authority for all replicas, a leaf for each, which is never stored. */
export function ownSource(options: OwnSourceOptions): Source {
  const { secret, signer, names, clock, configuration } = options;
  let leaf: { readonly pair: KeyPair; readonly issuer: string } | undefined;
  const repairs = createTokenBucket(clock, REPAIRS.perSecond, REPAIRS.atOnce);
  let heard: { readonly issuer: string; readonly since: DurationMs } | undefined;

  const needsLeaf = ({ newest, trusted }: Authorities): boolean => {
    if (!leaf || isDue(leaf.pair, clock.now()) || !trusted.includes(leaf.issuer)) return true;
    const isHeard = heard?.issuer === newest.certificate && clock.monotonic() - heard.since >= HEARD_AFTER;
    return leaf.issuer !== newest.certificate && isHeard;
  };

  /** @returns why the API server does not trust the operator yet */
  const tell = async (
    seen: WebhookConfiguration,
    bundle: string,
    newest: string,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    const isWritten = trusts(seen, bundle);
    if (!isWritten && !repairs.take())
      return 'somebody else changes caBundle of the webhook configuration again and again';
    if (!isWritten && !(await options.writeBundle(seen, bundle, signal)))
      return 'the webhook configuration was changed at this moment';
    if (heard?.issuer !== newest) heard = { issuer: newest, since: clock.monotonic() };
    return undefined;
  };

  return {
    async look(signal) {
      const seen = configuration();
      // No API server can call the operator, and the user who deleted the configuration may have deleted the Secret
      // too: it is not made anew.
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
