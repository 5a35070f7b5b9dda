// Pods in the state that a kubelet writes when an image does not come, on an API server without a node.

import type { TestApi } from './test-api.ts';

/** The registry of the stand-in's good account. */
export const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

/** What containerd and ECR say, as the kubelet writes it (Kubernetes 1.37, containerd 2). */
export const ANSWERS = {
  anonymous: `failed to pull and unpack image "${HOST}/team/api:1.0": failed to resolve reference "${HOST}/team/api:1.0": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`,
  refused: `failed to pull and unpack image "${HOST}/team/api:1.0": failed to resolve reference "${HOST}/team/api:1.0": unexpected status from HEAD request to https://${HOST}/v2/team/api/manifests/1.0: 403 Forbidden`,
  ended: `failed to pull and unpack image "${HOST}/team/api:1.0": failed to resolve reference "${HOST}/team/api:1.0": unexpected status from GET request to https://${HOST}/v2/team/api/manifests/sha256:0: 403 Forbidden: denied: Your authorization token has expired. Reauthenticate and try again.`,
} as const;

export interface WaitingPod {
  readonly image?: string;
  /** Names in `imagePullSecrets`. */
  readonly secrets?: readonly string[];
  readonly answer?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Creates a pod whose container waits in ImagePullBackOff. */
export async function createWaitingPod(
  api: TestApi,
  namespace: string,
  name: string,
  { image = `${HOST}/team/api:1.0`, secrets = ['ecr-login'], answer = ANSWERS.anonymous, labels = {} }: WaitingPod = {},
): Promise<void> {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await api.must('POST', pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { containers: [{ name: 'api', image }], imagePullSecrets: secrets.map((secret) => ({ name: secret })) },
  });
  const message = `Back-off pulling image "${image}": ErrImagePull: ${answer}`;
  const state = { waiting: { reason: 'ImagePullBackOff', message } };
  await api.merge(`${pods}/${name}/status`, {
    status: {
      phase: 'Pending',
      containerStatuses: [{ name: 'api', image, imageID: '', ready: false, restartCount: 0, state }],
    },
  });
}

/** Writes the Event of the kubelet's `count` pulls, the last of them at `lastAt` (RFC 3339). */
export async function createPullEvent(
  api: TestApi,
  namespace: string,
  pod: string,
  count: number,
  lastAt: string,
): Promise<void> {
  const { metadata } = await api.must('GET', `/api/v1/namespaces/${namespace}/pods/${pod}`);
  await api.must('POST', `/api/v1/namespaces/${namespace}/events`, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${pod}.pulling` },
    involvedObject: {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace,
      name: pod,
      uid: metadata.uid,
      fieldPath: 'spec.containers{api}',
    },
    reason: 'Pulling',
    message: 'Pulling image',
    source: { component: 'kubelet', host: 'node-1' },
    type: 'Normal',
    count,
    firstTimestamp: lastAt,
    lastTimestamp: lastAt,
  });
}
