// For people: starts one real Kubernetes API on loopback and keeps it until Ctrl-C.
// Usage: node scripts/control-plane.ts [--version 1.37.2] [--controller-manager] [--prepare]

import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_VERSION, findControlPlaneBinaries, SUPPORTED_VERSIONS } from '../testing/control-plane/binaries.ts';
import { startControlPlane } from '../testing/control-plane/control-plane.ts';

const HELP = `Starts kube-apiserver and etcd on loopback and keeps them until Ctrl-C.

  --version x.y.z        Kubernetes release, default ${DEFAULT_VERSION}; known good: ${SUPPORTED_VERSIONS.join(', ')}
  --controller-manager   also run garbage collection, namespace deletion and service accounts
  --prepare              only find, download or build the programs, and print their folder
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      version: { type: 'string', default: DEFAULT_VERSION },
      'controller-manager': { type: 'boolean', default: false },
      prepare: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  if (values.prepare) {
    const binaries = await findControlPlaneBinaries(values.version);
    return void process.stdout.write(`${dirname(binaries.kubeApiserver)}\n`);
  }

  // Listening before the start: a signal that comes meanwhile ends the start too, since Node then has nothing to wait
  // for.
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  const begun = performance.now();
  const first = await Promise.race([
    startControlPlane({ version: values.version, controllerManager: values['controller-manager'] }),
    interrupted,
  ]);
  if (!first) process.exit(130);

  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  process.stdout.write(
    `Kubernetes ${first.version} is ready at ${first.url} after ${seconds} s.\n\n` +
      `  export KUBECONFIG=${first.kubeconfigPath}\n\n` +
      `Logs: ${first.folder}\nCtrl-C stops it and removes its data.\n`,
  );
  // Signal listeners alone do not keep Node alive.
  const alive = setInterval(() => {}, 60_000);
  await interrupted;
  clearInterval(alive);
  await first.stop();
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
