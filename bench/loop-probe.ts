// A probe inside the operator: how late its event loop is, and how much of that it computed itself. Node.js loads it
// before the operator; the product knows nothing of it.

import type { OperatorProcess } from '../testing/operator/operator-process.ts';
import { pause } from './measure.ts';

export interface LoopDelays {
  /** Milliseconds: the longest time for which no timer ran. */
  readonly longest: number;
  /** Milliseconds: the most processor time of the main thread between two timers. The rest is waiting for a core. */
  readonly work: number;
}

const MARK = 'loop-probe';

/** Runs in the operator's process, so it uses nothing from around it. */
function probe(): void {
  const every = 10;
  const cpu = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1_000;
  };
  let [longest, work] = [0, 0];
  let [last, lastCpu] = [performance.now(), cpu()];
  const timer = setInterval(() => {
    const [now, used] = [performance.now(), cpu()];
    longest = Math.max(longest, now - last - every);
    work = Math.max(work, used - lastCpu);
    [last, lastCpu] = [now, used];
  }, every);
  timer.unref();
  process.once('SIGUSR2', () => {
    process.stderr.write(`loop-probe ${JSON.stringify({ longest, work })}\n`);
    clearInterval(timer);
  });
}

/** Beside the operator's usual options. */
export function withProbe(nodeOptions: string | undefined): NodeJS.ProcessEnv {
  const script = `data:text/javascript,${encodeURIComponent(`(${probe.toString()})()`).replaceAll("'", '%27')}`;
  return { NODE_OPTIONS: `${nodeOptions ?? ''} --import ${script}` };
}

/** Ends the probe, which would keep the process from coming to rest. */
export async function readProbe(operator: OperatorProcess): Promise<LoopDelays> {
  process.kill(operator.pid, 'SIGUSR2');
  for (;;) {
    const line = operator
      .output()
      .split('\n')
      .find((one) => one.startsWith(MARK) && one.endsWith('}'));
    if (line !== undefined) return JSON.parse(line.slice(MARK.length)) as LoopDelays;
    await pause(50);
  }
}
