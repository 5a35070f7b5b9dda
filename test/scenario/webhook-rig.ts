// A webhook that a real API server calls: an operator that serves it on loopback, and the configuration that names it.

import { randomBytes } from 'node:crypto';
import { request } from 'node:https';
import { API_VERSION, WEBHOOK_PATH } from '../../src/api/names.ts';
import type { ApiServerAccess } from '../../src/kube/access.ts';
import type { Clock } from '../../src/lib/time.ts';
import type { OperatorOptions } from '../../src/operator/run.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import { CONFIGURATION_PATH, webhookConfiguration } from '../../testing/operator/webhook-configuration.ts';
import { NAMESPACED_PATH, type RunningOperator, type World } from '../../testing/operator/world.ts';

type WebhookOptions = NonNullable<OperatorOptions['webhook']>;

/** Names that nobody else in this process uses. */
export interface WebhookNames {
  readonly configuration: string;
  readonly secret: string;
}

export function freshNames(): WebhookNames {
  const name = `webhook-${randomBytes(4).toString('hex')}`;
  return { configuration: name, secret: name };
}

export function ownCertificate(
  { configuration, secret }: WebhookNames,
  over: Partial<WebhookOptions> = {},
): WebhookOptions {
  return {
    address: { host: '127.0.0.1', port: 0 },
    missingNamespaces: 'deny',
    certificate: { op: 'own', configuration, secret, names: ['127.0.0.1'] },
    ...over,
  };
}

/**
 * Suites of the webhook have many configurations, under names for which the chart gives no right; that the rights which
 * it does give are enough is held in test/chart/rights.test.ts.
 */
export function asAdmin({ plane }: World): ApiServerAccess {
  return accessTo(plane, plane.adminToken);
}

/** Puts a configuration on the API server that calls these ports. */
export async function configure(
  { api }: Pick<World, 'api'>,
  { configuration: name }: Pick<WebhookNames, 'configuration'>,
  ports: readonly number[],
  caBundle?: string,
): Promise<void> {
  await api.must('POST', CONFIGURATION_PATH(), webhookConfiguration(name, ports, caBundle));
}

/** An object that every webhook of ours refuses, for the two white spaces in its key, and asks nobody about. */
export const REFUSED = {
  region: 'eu-west-1',
  accessKeyId: 'AKIA WITH SPACES',
  secretAccessKey: 'x',
};

/** Waits until the API server calls the webhook and believes it. */
export async function untilHeeded({ api }: World, namespace: string): Promise<void> {
  await eventually(async () => {
    const { status } = await api.send('POST', `${NAMESPACED_PATH(namespace)}?dryRun=All`, {
      apiVersion: API_VERSION,
      kind: 'AWSECRImagePullSecret',
      metadata: { name: 'probe' },
      spec: { awsAccess: REFUSED, secretName: 'probe' },
    });
    return status === 403 ? true : undefined;
  }, 20_000);
}

export interface RunningWebhook extends WebhookNames {
  readonly operator: RunningOperator;
  readonly port: number;
  /** Ends the operator and takes its configuration away. */
  end(): Promise<void>;
}

/** Starts an operator with a webhook, and waits until the API server heeds it. */
export async function startWebhook(
  world: World,
  namespace: string,
  clock?: Clock,
  over: Partial<WebhookOptions> = {},
): Promise<RunningWebhook> {
  const names = freshNames();
  const operator = await world.startOperator({ clock, access: asAdmin(world), webhook: ownCertificate(names, over) });
  const port = operator.operator.webhookPort ?? 0;
  await configure(world, names, [port]);
  await untilHeeded(world, namespace);
  return {
    ...names,
    operator,
    port,
    async end() {
      await operator.stop();
      await removeWebhook(world, names);
    },
  };
}

export async function removeWebhook({ api }: World, { configuration, secret }: WebhookNames): Promise<void> {
  await api.send('DELETE', CONFIGURATION_PATH(configuration));
  await api.send('DELETE', `/api/v1/namespaces/kube-system/secrets/${secret}`);
}

export interface PostReply {
  readonly status: number;
  readonly body: string;
}

/** Sends anything straight to the port, as anybody in the cluster can. */
export function post(
  port: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<PostReply> {
  return new Promise((resolve, reject) => {
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const options = {
      method: 'POST',
      rejectUnauthorized: false,
      headers: { 'content-type': 'application/json', ...length, ...headers },
    };
    const outgoing = request(`https://127.0.0.1:${port}${WEBHOOK_PATH}`, options, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (part: string) => {
        text += part;
      });
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: text }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A review of a creation, as nobody but the API server should send it. */
export function forgedReview(object: object, over: object = {}): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'forged', operation: 'CREATE', object: { apiVersion: API_VERSION, ...object }, ...over },
  });
}
