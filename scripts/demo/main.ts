// The demo: real parts, one step after another. Exit code 0 only if every step was seen.
//   --keep  leaves it running afterwards, until Ctrl-C

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { show } from './show.ts';
import { KEY, NAMESPACE, type Stage, setStage } from './stage.ts';
import { type Scene, STEPS } from './steps.ts';
import { setUpWebhook } from './webhook.ts';

let stage: Stage | undefined;
let copying: NodeJS.Timeout | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    show.note('stopping');
    clearInterval(copying);
    void (stage?.stop() ?? Promise.resolve()).finally(() => process.exit(130));
  });
}

async function play(scene: Scene): Promise<number> {
  let missed = 0;
  for (const [index, { title, act }] of STEPS.entries()) {
    show.step(index + 1, title);
    try {
      show.seen(await act(scene));
    } catch (error) {
      missed += 1;
      show.missed(error instanceof Error ? error.message : String(error));
      if (error instanceof Error && error.cause instanceof Error) show.note(error.cause.message);
      show.block(scene.operator.output().split('\n').slice(-20).join('\n'));
    }
  }
  return missed;
}

/** Copies what the operator writes into a file from now on, which goes with the folder of the control plane. */
function keepLog({ operator, plane }: Scene): string {
  const path = join(plane.folder, 'operator.log');
  let copied = 0;
  const copy = (): void => {
    const text = operator.output();
    appendFileSync(path, text.slice(copied));
    copied = text.length;
  };
  copy();
  copying = setInterval(copy, 500);
  return path;
}

/** What a person needs to go on in the cluster of the demo. */
async function openToVisitors(scene: Scene): Promise<void> {
  await setUpWebhook(scene);
  const log = keepLog(scene);
  show.title('It goes on running, with the webhook, until Ctrl-C. To look around:');
  show.block(`export KUBECONFIG=${scene.plane.kubeconfigPath}
kubectl get ecr -A
tail -f ${log}   # what the operator logs`);
  show.note(`The namespaces ${NAMESPACE} and ns1 to ns4 are the demo's. AWS takes this key, in any region:`);
  show.block(`AWS_ACCESS_KEY_ID=${KEY.id}
AWS_SECRET_ACCESS_KEY=${KEY.secret}`);
}

show.title('kube-ecr-secrets-operator: the demo');
show.note('starting, each as a process of its own:');
stage = await setStage();
show.note('the operator');
const scene: Scene = { ...stage, operator: await stage.startOperator() };
const missed = await play(scene);
show.title(missed === 0 ? `All ${STEPS.length} steps seen.` : `${missed} of ${STEPS.length} steps were not seen.`);
if (process.argv.includes('--keep')) {
  await openToVisitors(scene);
  await new Promise(() => {});
}
await stage.stop();
process.exit(missed === 0 ? 0 : 1);
