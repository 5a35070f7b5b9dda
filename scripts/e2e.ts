// The stories of test/e2e on a real node: kubelet, containerd and kube-proxy in namespaces of their own, tests
// included. Needs Linux and root; nothing of the machine is changed.
//   node scripts/e2e.ts [--if-possible] [FILE...]
// IMAGE: an archive of the operator's image (docker save, OCI layout), in place of one that is made of the bundle.

import { existsSync, globSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { findControlPlaneBinaries } from '../testing/control-plane/binaries.ts';
import { createReport } from '../testing/control-plane/progress.ts';
import { type Inside, REGIONS, registryOf } from '../testing/kubelet/cluster.ts';
import { refusal, runInNamespaces } from '../testing/kubelet/namespaces.ts';
import { findNodePrograms } from '../testing/kubelet/programs.ts';
import { cgroupOf, makeState, removeCgroups, removeRemains } from '../testing/kubelet/remains.ts';
import { findHelm } from '../testing/tools/helm/find-helm.ts';

const STORIES = 'test/e2e/*.test.ts';
const ADDRESS = '10.77.0.1';
const BUILT = resolve('dist');
/** Several times what they take on two busy cores. */
const LONGEST_MS = 15 * 60_000;
const IF_POSSIBLE = '--if-possible';

/** @returns the exit code: 0 all is well, 1 a story failed, 2 there can be no node here */
async function main(args: readonly string[]): Promise<number> {
  const refused = await refusal();
  if (refused !== undefined) {
    console.error(`The stories of test/e2e are not tried, since ${refused}.`);
    return args.includes(IF_POSSIBLE) ? 0 : 2;
  }
  const image = process.env['IMAGE'];
  if (image && !existsSync(image)) {
    console.error(`IMAGE: there is no file ${image}; make image builds dist/image.tar`);
    return 2;
  }
  removeRemains();
  const report = createReport(process.stderr);
  await findControlPlaneBinaries(undefined, { report, controllerManager: true });
  await findNodePrograms(report);
  await findHelm(4, { report });

  const state = makeState();
  const cgroup = cgroupOf(process.pid);
  const archive = image ? { archive: resolve(image) } : {};
  const inside: Inside = { state, cgroup, address: ADDRESS, built: BUILT, ...archive };
  const given = args.filter((one) => one !== IF_POSSIBLE);
  const files = given.length > 0 ? given : globSync(STORIES).toSorted();
  const child = runInNamespaces([process.execPath, 'scripts/test.ts', ...files], {
    ...inside,
    registries: REGIONS.map(registryOf),
    // So that all of it goes with the state.
    env: { ...process.env, TMPDIR: state, E2E_INSIDE: JSON.stringify(inside) },
  });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill('SIGKILL'));
  const late = setTimeout(() => {
    console.error(`The stories were not over after ${LONGEST_MS / 60_000} minutes.`);
    child.kill('SIGKILL');
  }, LONGEST_MS);
  const code = await new Promise<number>((ended) => {
    child.on('error', () => ended(1));
    child.on('exit', (status) => ended(status ?? 1));
  });
  clearTimeout(late);
  await removeCgroups(cgroup);
  if (code === 0) rmSync(state, { recursive: true, force: true });
  else console.error(`The logs of kubelet, containerd and the API server are in ${state}; the next run removes them.`);
  return code === 0 ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
