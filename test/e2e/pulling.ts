// A new pod each second that pulls anew, while something happens to the operator.

import { setTimeout as pause } from 'node:timers/promises';
import { createPod, type E2e, type PodObject, podPath } from './rig.ts';

export interface Pulled {
  readonly pods: number;
  /** Those that a pull failed for at least once. */
  readonly failed: number;
  /** The least life that a login had left when a pull began, seconds; `Infinity` when none did. */
  readonly leastLeft: number;
  /** From the creation of a pod until it runs, milliseconds: the longest. */
  readonly longest: number;
}

const PULL_LIMIT_MS = 60_000;

/** @param region  whose tokens the test lets live short */
export async function pullFor(e2e: E2e, namespace: string, seconds: number): Promise<Pulled> {
  const from = e2e.registry.calls.length;
  const prefix = `pull-${Date.now()}`;
  const pods = Array.from({ length: seconds }, async (_, index) => {
    await pause(index * 1_000);
    return await pullOnce(e2e, namespace, `${prefix}-${index}`);
  });
  const results = await Promise.all(pods);
  const calls = e2e.registry.calls.slice(from);
  const left = calls.flatMap(({ leftMs }) => leftMs ?? []);
  return {
    pods: results.length,
    failed: results.filter(({ hasFailed }) => hasFailed).length,
    leastLeft: Math.min(...left) / 1_000,
    longest: Math.max(...results.map(({ took }) => took)),
  };
}

async function pullOnce(
  e2e: E2e,
  namespace: string,
  name: string,
): Promise<{ readonly hasFailed: boolean; readonly took: number }> {
  const begun = performance.now();
  await createPod(e2e, namespace, { name, region: 'us-east-1' });
  let hasFailed = false;
  for (;;) {
    const { status } = (await e2e.api.must('GET', podPath(namespace, name))) as PodObject;
    const state = status.containerStatuses?.[0]?.state;
    hasFailed ||= /^(ErrImagePull|ImagePullBackOff)$/.test(state?.waiting?.reason ?? '');
    const took = performance.now() - begun;
    if (state?.running || took > PULL_LIMIT_MS || hasFailed) {
      await e2e.api.send('DELETE', podPath(namespace, name), { gracePeriodSeconds: 0 });
      return { hasFailed: hasFailed || !state?.running, took };
    }
    await pause(50);
  }
}
