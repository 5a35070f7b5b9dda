// The webhook as a whole: its server, its certificate, and the watches that they need.

import { objectKey, VALIDATING_WEBHOOKS } from '../../api/meta.ts';
import { WEBHOOK_PATH } from '../../api/names.ts';
import type { EcrClient } from '../../aws/ecr-client.ts';
import type { AdmitPolicy } from '../../core/admit.ts';
import type { Bound } from '../../http/connections.ts';
import { startPostServer } from '../../http/post-server.ts';
import type { BindAddress } from '../../http/server.ts';
import type { KubeReader, KubeWriter } from '../../kube/client.ts';
import { createReflector, type Reflector } from '../../kube/reflector.ts';
import { createStore } from '../../kube/store.ts';
import type { Logger } from '../../lib/log.ts';
import type { Metrics } from '../../lib/metrics.ts';
import type { Loop } from '../../lib/supervise.ts';
import { type Clock, formatRfc3339, type Random, seconds } from '../../lib/time.ts';
import type { KeyPair } from '../../pki/certificate.ts';
import { createWebhookTelemetry } from '../telemetry/webhook-telemetry.ts';
import { createAuthoritySecret } from './authority-secret.ts';
import { createServing, type Serving } from './certificate.ts';
import type { Signer } from './certificate-source.ts';
import { type WebhookConfiguration, webhookConfigurationOf, writeBundle } from './configuration.ts';
import { sourceOfFiles } from './file-source.ts';
import { ownSource } from './own-source.ts';
import { createWebhook, type KnownObjects } from './review.ts';

/** Where the certificate comes from. */
export type CertificateOptions =
  | { readonly op: 'files'; readonly folder: string }
  | {
      readonly op: 'own';
      /** Name of the ValidatingWebhookConfiguration whose `caBundle` is kept. */
      readonly configuration: string;
      /** Host names and addresses by which the API server calls the operator, at least one. */
      readonly names: readonly string[];
      /** Name of the Secret with the authority, in the operator's own namespace. */
      readonly secret: string;
    };

export interface WebhookOptions extends AdmitPolicy {
  readonly address: BindAddress;
  readonly certificate: CertificateOptions;
}

export interface WebhookServerParts {
  readonly client: Pick<KubeReader, 'find' | 'findMetadata' | 'list' | 'watch'> &
    Pick<KubeWriter, 'create' | 'patch' | 'patchByKeys'>;
  readonly known: KnownObjects;
  readonly ecr: EcrClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The operator's own namespace. */
  readonly namespace: string;
  readonly isSynced: () => boolean;
  /** Is notified of each bound of its server that a client reached. */
  readonly onRefused: (bound: Bound) => void;
}

export interface WebhookServer {
  readonly port: number;
  /**
   * Why the operator is not ready because of the webhook; it counts for half a minute after the start
   * (docs/design/rules.md, rule 15).
   */
  waitsFor(): string | undefined;
  /** Runs its loops until they end; reviews are answered until `close`. */
  run(supervise: Supervise): Promise<void>;
  close(): Promise<void>;
}

/** Runs a loop, again when it fails, until the operator stops. */
export type Supervise = (name: string, loop: Loop) => Promise<void>;

const COUNTS_FOR = seconds(30);

/** @throws Failure when the address cannot be listened on */
export async function startWebhook(options: WebhookOptions, parts: WebhookServerParts): Promise<WebhookServer> {
  const { client, known, ecr, clock, log, metrics, isSynced, onRefused } = parts;
  const started = clock.monotonic();
  const telemetry = createWebhookTelemetry(metrics, WEBHOOK_PATH, () => serving.endsAt());
  const answer = createWebhook({ client, known, ecr, clock, policy: options, isSynced, telemetry });
  const server = await startPostServer({ address: options.address, path: WEBHOOK_PATH, answer, onRefused });
  const { serving, reflector } = createCertificates(options.certificate, parts, (pair) => {
    server.use(pair);
    log.info('The webhook has a new certificate', { until: formatRfc3339(pair.notAfter) });
  });
  return {
    port: server.port,
    waitsFor: () => (clock.monotonic() - started < COUNTS_FOR ? serving.lacks() : undefined),
    async run(supervise) {
      const watching = reflector && supervise('watch of the webhook configuration', (signal) => reflector.run(signal));
      await Promise.race([reflector?.synced, watching]);
      await Promise.all([supervise('certificate of the webhook', (signal) => serving.run(signal)), watching]);
    },
    close: () => server.close(),
  };
}

function createCertificates(
  options: CertificateOptions,
  { client, clock, random, log, namespace }: WebhookServerParts,
  use: (pair: KeyPair) => void,
): { readonly serving: Serving; readonly reflector?: Reflector } {
  const tools = { clock, random, log };
  if (options.op === 'files') return { serving: createServing(sourceOfFiles(options.folder), use, tools) };
  const { configuration, names } = options;
  const store = createStore<WebhookConfiguration>(() => serving.wake());
  const secret = createAuthoritySecret({
    client,
    namespace,
    name: options.secret,
    signer: loadSigner,
    onMade: (why) => log.info('Made a new authority for the webhook', { secret: options.secret, namespace, why }),
  });
  const source = ownSource({
    secret,
    signer: loadSigner,
    names,
    clock,
    configuration: () => store.get(objectKey(undefined, configuration)),
    writeBundle: async (to, bundle, signal) => {
      const isWritten = await writeBundle(client, to, bundle, signal);
      if (isWritten) log.info('Wrote caBundle', { configuration });
      return isWritten;
    },
  });
  const serving = createServing(source, use, tools);
  const reflector = createReflector({
    client,
    resource: VALIDATING_WEBHOOKS,
    fieldSelector: `metadata.name=${configuration}`,
    // Without the right to watch it the operator does all the rest.
    optional: 'kind',
    store,
    reduce: webhookConfigurationOf,
    clock,
    random,
    log,
  });
  return { serving, reflector };
}

/** The library is large; only a webhook with certificates of its own needs it. */
function loadSigner(): Promise<Signer> {
  return import('../../pki/sign.ts');
}
