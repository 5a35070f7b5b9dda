// An admission webhook of another party, which a real API server asks about each Secret that is created or updated.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { listen } from '../../src/http/server.ts';
import { makeSelfSigned } from '../network/self-signed.ts';
import { eventually, type TestApi } from './test-api.ts';

export interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: { readonly uid: string };
}

export interface ForeignWebhookOptions {
  readonly kind: 'MutatingWebhookConfiguration' | 'ValidatingWebhookConfiguration';
  /** Of the configuration, and the label of the namespaces whose Secrets it is asked about: `<name>: yes`. */
  readonly name: string;
  /** How long the API server waits for an answer; default: its own 10 s. */
  readonly timeoutSeconds?: number;
  /** The `response` of a review, without its uid. */
  readonly answer: (review: Review) => object | Promise<object>;
}

export interface ForeignWebhook {
  /** Takes the configuration away, and closes the server. */
  stop(): Promise<void>;
}

/** Starts it, and waits until the API server asks it. */
export async function startForeignWebhook(api: TestApi, options: ForeignWebhookOptions): Promise<ForeignWebhook> {
  const { kind, name, timeoutSeconds, answer } = options;
  const path = `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s`;
  const labels = { [name]: 'yes' };
  const { certificate, key } = makeSelfSigned();
  let reviews = 0;
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
    reviews += 1;
    const { apiVersion, kind: reviewKind } = review;
    const body = { apiVersion, kind: reviewKind, response: { uid: review.request.uid, ...(await answer(review)) } };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  };
  const server = createServer({ cert: certificate, key }, (request, response) => {
    respond(request, response).catch(() => response.destroy());
  });
  const port = await listen(server, { host: '127.0.0.1', port: 0 });
  await api.must('POST', path, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name },
    webhooks: [
      {
        name: 'foreign.example.com',
        clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(certificate).toString('base64') },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['secrets'] }],
        namespaceSelector: { matchLabels: labels },
        ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  const probed = await api.createNamespace(labels);
  await eventually(async () => {
    await api.send('POST', `/api/v1/namespaces/${probed}/secrets?dryRun=All`, { metadata: { name: 'probe' } });
    return reviews > 0 ? true : undefined;
  });
  return {
    async stop() {
      await api.must('DELETE', `${path}/${name}`);
      server.close();
      server.closeAllConnections();
    },
  };
}
