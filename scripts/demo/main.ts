// The demo: real parts, one step after another. Exit code 0 only if every step was seen.
//   --keep  leaves it running afterwards, until Ctrl-C

import { show } from './show.ts';
import { type Stage, setStage } from './stage.ts';
import { type Scene, STEPS } from './steps.ts';

let stage: Stage | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    show.note('stopping');
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

show.title('kube-ecr-secrets-operator: the demo');
show.note('starting, each as a process of its own:');
stage = await setStage();
show.note('the operator');
const operator = await stage.startOperator();
const missed = await play({ ...stage, operator });
show.title(missed === 0 ? `All ${STEPS.length} steps seen.` : `${missed} of ${STEPS.length} steps were not seen.`);
if (process.argv.includes('--keep')) {
  show.note(`It goes on running until Ctrl-C. To look around:\n   export KUBECONFIG=${stage.plane.kubeconfigPath}`);
  await new Promise(() => setInterval(() => {}, 60_000));
}
await stage.stop();
process.exit(missed === 0 ? 0 : 1);
