// The Go project's webhook: it tries the keys, refuses existing Secrets, and stores the keys as base64. The API server
// calls it for every creation and change, and admits nothing while it is down.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { listen } from '../../src/http/server.ts';
import type { TestApi } from '../api-server/test-api.ts';
import { type AwsAccess, encode, fetchLogin } from './login.ts';

interface Reviewed {
  readonly metadata: { readonly namespace?: string };
  readonly spec: {
    readonly awsAccess: AwsAccess;
    readonly secretName: string;
    readonly namespaces?: readonly string[];
  };
}

interface Review {
  readonly uid: string;
  readonly operation: string;
  readonly object: Reviewed;
  readonly oldObject?: Reviewed;
}

export async function serveWebhook(api: TestApi, port: number, folder: string): Promise<void> {
  /** @returns why the creation is refused */
  const creation = async ({ metadata, spec }: Reviewed): Promise<string | undefined> => {
    try {
      await fetchLogin(spec.awsAccess);
    } catch (error) {
      return `aws credentials specified in .spec.awsAccess are invalid or missing permissions: ${String(error)}`;
    }
    for (const namespace of spec.namespaces ?? [metadata.namespace ?? '']) {
      if ((await api.get(`/api/v1/namespaces/${namespace}`)).status !== 200)
        return `namespace ${namespace} does not exist`;
      const { status } = await api.get(`/api/v1/namespaces/${namespace}/secrets/${spec.secretName}`);
      if (status === 200)
        return `secret ${spec.secretName} already exists in namespace ${namespace}, you can choose a different name`;
    }
    return undefined;
  };

  const review = async ({ uid, operation, object, oldObject }: Review): Promise<object> => {
    const isCreation = operation === 'CREATE';
    const isChanged = (field: 'awsAccess' | 'secretName'): boolean =>
      JSON.stringify(object.spec[field]) !== JSON.stringify(oldObject?.spec[field]);
    const refusal = isCreation
      ? await creation(object)
      : (['secretName', 'awsAccess'] as const).filter(isChanged).map((field) => `.spec.${field} is immutable`)[0];
    if (refusal !== undefined) return { uid, allowed: false, status: { message: refusal } };
    if (!isCreation) return { uid, allowed: true };
    const patch = (['accessKeyId', 'secretAccessKey'] as const).map((field) => ({
      op: 'replace',
      path: `/spec/awsAccess/${field}`,
      value: encode(object.spec.awsAccess[field]),
    }));
    return { uid, allowed: true, patchType: 'JSONPatch', patch: encode(JSON.stringify(patch)) };
  };

  const [cert, key] = ['tls.crt', 'tls.key'].map((file) => readFileSync(join(folder, file)));
  const server = createServer({ cert, key }, (incoming, outgoing) => {
    const answer = async (): Promise<void> => {
      const { request } = (await json(incoming)) as { readonly request: Review };
      const response = await review(request);
      outgoing.setHeader('content-type', 'application/json');
      outgoing.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }));
    };
    answer().catch((error: unknown) => outgoing.writeHead(500).end(String(error)));
  });
  await listen(server, { host: '127.0.0.1', port });
}
