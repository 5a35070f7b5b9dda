// The objects that the suites create, in as few words as a test needs.

import { API_VERSION } from '../../src/api/names.ts';
import type { TestApi } from '../../testing/api-server/test-api.ts';
import { CLUSTER_PATH, GOOD_KEY, NAMESPACED_PATH } from '../../testing/operator/world.ts';

export const KEYS = { accessKeyId: GOOD_KEY.accessKeyId, secretAccessKey: GOOD_KEY.secretAccessKey };
export const ACCESS = { region: 'eu-west-1', ...KEYS };

/** Creates a namespaced object; `spec` goes over the defaults. */
export async function createPullSecret(
  api: TestApi,
  namespace: string,
  name: string,
  spec: object = {},
  annotations: Readonly<Record<string, string>> = {},
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever the API server answers
): Promise<any> {
  return await api.must('POST', NAMESPACED_PATH(namespace), {
    apiVersion: API_VERSION,
    kind: 'AWSECRImagePullSecret',
    metadata: { name, annotations },
    spec: { awsAccess: ACCESS, secretName: 'ecr-login', ...spec },
  });
}

/** Creates a cluster object; `spec` goes over the defaults. */
// oxlint-disable-next-line typescript/no-explicit-any -- whatever the API server answers
export async function createClusterPullSecret(api: TestApi, name: string, spec: object): Promise<any> {
  return await api.must('POST', CLUSTER_PATH(), {
    apiVersion: API_VERSION,
    kind: 'ClusterAWSECRImagePullSecret',
    metadata: { name },
    spec: { awsAccess: ACCESS, secretName: 'ecr-login', ...spec },
  });
}

interface SecretBody {
  readonly data?: Readonly<Record<string, string>>;
}

/** The password of the first registry in a pull secret. */
export function passwordOf(secret: SecretBody): string {
  const { auths } = JSON.parse(Buffer.from(secret.data?.['.dockerconfigjson'] ?? '', 'base64').toString()) as {
    auths: Record<string, { password: string }>;
  };
  return Object.values(auths)[0]?.password ?? '';
}
