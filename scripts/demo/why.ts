// The step of the demo in which a pod waits for its image, and `why` says what is missing.

import { spawnSync } from 'node:child_process';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createWaitingPod } from '../../testing/api-server/waiting-pod.ts';
import { BUNDLE } from '../../testing/operator/operator-process.ts';
import { show } from './show.ts';
import type { Stage } from './stage.ts';

const NAMESPACE = 'ns5';

/** There is no node here: the pod's status is written as a kubelet writes it. */
export async function showWhy({ api, plane, registry }: Stage): Promise<string> {
  await api.must('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const accounts = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`;
  await eventually(async () => ((await api.get(accounts)).status === 200 ? true : undefined));
  await createWaitingPod(api, NAMESPACE, 'api', { image: registry.image, secrets: ['ecr-login-shared'] });
  const why = (): { readonly code: number | null; readonly text: string } => {
    const args = [BUNDLE, 'why', 'api', '-n', NAMESPACE, '--kubeconfig', plane.kubeconfigPath];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return { code: status, text: stdout };
  };
  const before = why();
  show.note(`kubectl ecr-secrets why api -n ${NAMESPACE}`);
  show.block(before.text.trimEnd());
  if (before.code !== 1 || !before.text.includes('the label ecr=true is missing'))
    throw new Error('it said something else');
  await api.merge(`/api/v1/namespaces/${NAMESPACE}`, { metadata: { labels: { ecr: 'true' } } });
  const secret = `/api/v1/namespaces/${NAMESPACE}/secrets/ecr-login-shared`;
  await eventually(async () => ((await api.get(secret)).status === 200 ? true : undefined));
  if (!why().text.includes('WaitsForKubelet')) throw new Error('the label did not help');
  return 'it names the label that is missing; with it, the Secret is there at once, and only the kubelet still waits';
}
