// The one ValidatingWebhookConfiguration that names the operator: watches it, and keeps the authorities in it correct.

import { VALIDATING_WEBHOOKS } from '../../api/meta.ts';
import { isGone, isOtherObject } from '../../kube/api-error.ts';
import type { KubeWriter } from '../../kube/client.ts';
import type { Stored } from '../../kube/store.ts';
import { type JsonRecord, listOf, recordOf, stringOf } from '../../lib/json.ts';
import { metadataOf } from '../state/reduced-objects.ts';

export interface WebhookConfiguration extends Stored {
  readonly name: string;
  readonly uid: string;
  readonly webhooks: readonly { readonly name: string; readonly caBundle: string }[];
}

export function webhookConfigurationOf(raw: JsonRecord): WebhookConfiguration | undefined {
  const metadata = metadataOf(raw);
  if (!metadata) return undefined;
  const { name, uid, resourceVersion } = metadata;
  const webhooks = listOf(raw['webhooks']).map((one) => {
    const { name: called, clientConfig } = recordOf(one);
    return { name: stringOf(called) ?? '', caBundle: stringOf(recordOf(clientConfig)['caBundle']) ?? '' };
  });
  return { name, uid, resourceVersion, webhooks };
}

/** `caBundle` as the API server stores it. */
export function bundleOf(certificates: readonly string[]): string {
  return Buffer.from(certificates.join('')).toString('base64');
}

/** Whether every webhook in it trusts this bundle, and nothing else. */
export function trusts({ webhooks }: WebhookConfiguration, bundle: string): boolean {
  return webhooks.every(({ caBundle }) => caBundle === bundle);
}

/**
 * Writes the bundle into every webhook of the configuration, and nothing else.
 *
 * The patch names each webhook: by position it could hit another one inserted before it meanwhile
 * (docs/design/adr/0006).
 *
 * @returns false when it is now another one, or gone: the watch brings the news
 * @throws Failure
 */
export async function writeBundle(
  client: Pick<KubeWriter, 'patchByKeys'>,
  { name, uid, resourceVersion, webhooks }: WebhookConfiguration,
  caBundle: string,
  signal: AbortSignal,
): Promise<boolean> {
  const changes = webhooks.map((webhook) => ({ name: webhook.name, clientConfig: { caBundle } }));
  const body = { metadata: { uid, resourceVersion }, webhooks: changes };
  try {
    await client.patchByKeys(VALIDATING_WEBHOOKS, { namespace: undefined, name }, body, signal);
    return true;
  } catch (thrown) {
    if (isGone(thrown) || isOtherObject(thrown)) return false;
    throw thrown;
  }
}
