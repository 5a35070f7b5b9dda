// What the API server says to objects when the webhook of a release is asked, and when it is not.

import assert from 'node:assert/strict';
import { API_VERSION } from '../../src/api/names.ts';
import { type ApiReply, eventually } from '../../testing/api-server/test-api.ts';
import { CLUSTER_PATH, NAMESPACED_PATH } from '../../testing/operator/world.ts';
import { ACCESS } from '../scenario/manifests.ts';
import type { Cluster } from './cluster.ts';

/** In front of every refusal by it. */
const REFUSAL = 'admission webhook "pullsecrets.aws.zakariaamine.com" denied the request: ';
const INLINE_KEYS = /^spec\.awsAccess: whoever may read this object can read its keys/;

/** A namespaced object is created; `access` goes over a good one. A dry run unless `name` is given. */
export async function apply(
  { api }: Cluster,
  namespace: string,
  access: object = {},
  name?: string,
): Promise<ApiReply> {
  return await api.send('POST', `${NAMESPACED_PATH(namespace)}${name === undefined ? '?dryRun=All' : ''}`, {
    apiVersion: API_VERSION,
    kind: 'AWSECRImagePullSecret',
    metadata: { name: name ?? 'tried' },
    spec: { awsAccess: { ...ACCESS, ...access }, secretName: name ?? 'tried' },
  });
}

/** A cluster object that names a namespace that does not exist; the schema has nothing against it. */
export async function applyForNoNamespace({ api }: Cluster): Promise<ApiReply> {
  return await api.send('POST', `${CLUSTER_PATH()}?dryRun=All`, {
    apiVersion: API_VERSION,
    kind: 'ClusterAWSECRImagePullSecret',
    metadata: { name: 'tried' },
    spec: { awsAccess: ACCESS, secretName: 'tried', namespaces: ['nowhere-at-all'] },
  });
}

/** The API server heeds the webhook: it learns of a new authority or another pod a moment after us. */
export async function webhookAnswers(cluster: Cluster): Promise<void> {
  await eventually(async () => {
    const { status, body } = await applyForNoNamespace(cluster);
    assert.equal(status, 403, `the object was let through: ${cluster.services.calls.at(-1)}`);
    assert.equal(body.message, `${REFUSAL}namespace nowhere-at-all does not exist`);
    return true;
  }, 30_000);
}

export function assertRefused({ status, body }: ApiReply, words: string): void {
  assert.equal(status, 403);
  assert.ok(body.message.startsWith(`${REFUSAL}${words}`), body.message);
}

export function assertWarned({ status, warnings }: ApiReply): void {
  assert.equal(status, 201);
  assert.match(warnings.join('\n'), INLINE_KEYS);
}

export function assertLetThrough({ status, warnings }: ApiReply): void {
  assert.deepEqual([status, warnings], [201, []]);
}
