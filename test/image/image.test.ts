// The bundle as in the image: a root of its own that holds nothing else, read-only, without root, with the chart's
// arguments, environment and memory. There is no Docker here, so mounts and chroot stand in for it.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import { CLUSTER_PATH, NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';
import { endNode } from '../../testing/process/node-process.ts';
import { renderChart } from '../../testing/tools/helm/chart.ts';
import { createHelm } from '../../testing/tools/helm/helm.ts';
import { ensureBundle } from '../process/bundle.ts';
import { createClusterPullSecret, createPullSecret } from '../scenario/manifests.ts';

const MEMORY_LIMIT = 128 * 1024 * 1024;
/** The user of the image. */
const USER = 65_532;

/** $1 the bundle, $2 this Node, $3 the folder of the ServiceAccount; then the arguments of the container. */
const START = `
set -e
root=$(mktemp -d)
mount -t tmpfs -o size=16m none "$root"
for folder in lib lib64 usr/lib; do
  if [ -d "/$folder" ]; then mkdir -p "$root/$folder"; mount --rbind "/$folder" "$root/$folder"; fi
done
mkdir -p "$root/nodejs/bin" "$root/proc" "$root/dev" "$root/var/run/secrets/kubernetes.io/serviceaccount"
mount --rbind /proc "$root/proc"
for file in null urandom; do touch "$root/dev/$file"; mount --bind "/dev/$file" "$root/dev/$file"; done
touch "$root/nodejs/bin/node"; mount --bind "$2" "$root/nodejs/bin/node"
cp "$1" "$root/kube-ecr-secrets-operator.cjs"
cp -r "$(dirname "$1")/parts" "$root/parts"
mount --bind "$3" "$root/var/run/secrets/kubernetes.io/serviceaccount"
mount -o remount,ro "$root"
shift 3
exec chroot --userspec=${USER}:${USER} "$root" /nodejs/bin/node /kube-ecr-secrets-operator.cjs "$@"
`;

const NEEDS = 'needs Linux, root and unshare';
const canRun = process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/unshare');

describe('the image', () => {
  const world = useWorld();
  const children: ChildProcess[] = [];
  after(async () => {
    for (const child of children) await endNode(child, 'SIGKILL');
  });

  test('holds all that the operator needs, read-only and without root, within its memory', async (t) => {
    if (!canRun) return t.skip(NEEDS);
    const [metrics, probes] = [await findFreePort(), await findFreePort()];
    // No Service leads to the webhook here, so no configuration would ever call it.
    const values = `metrics.port=${metrics},probePort=${probes},legacyConversion.enabled=true,webhook.enabled=false,replicas=1`;
    const set = ['--set', values];
    const objects = await renderChart(await createHelm(4), { name: 'a', namespace: OPERATOR_NAMESPACE }, ...set);
    const [container] = objects.find(({ kind }) => kind === 'Deployment')?.['spec'].template.spec.containers ?? [];
    assert.equal(container.resources.limits.memory, '128Mi');

    const account = mkdtempSync(join(tmpdir(), 'account-'));
    t.after(() => rmSync(account, { recursive: true, force: true }));
    writeFileSync(join(account, 'token'), world.token);
    writeFileSync(join(account, 'ca.crt'), world.plane.certificateAuthority);
    writeFileSync(join(account, 'namespace'), OPERATOR_NAMESPACE);
    const { hostname, port } = new URL(world.plane.url);
    const variables = container.env.map(({ name, value }: { name: string; value: string }) => [name, value]);
    // Kubernetes lets the user of the pod read it.
    chmodSync(account, 0o755);
    const child = spawn(
      'unshare',
      ['--mount', 'sh', '-c', START, 'sh', ensureBundle(), process.execPath, account, ...container.args],
      {
        // Nothing of the environment of the test.
        env: {
          ...Object.fromEntries(variables),
          PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
          // As a container runtime sets it for a user that the image does not know.
          HOME: '/',
          KUBERNETES_SERVICE_HOST: hostname,
          KUBERNETES_SERVICE_PORT: port,
          AWS_ENDPOINT_URL_ECR: world.aws.url,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    children.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    world.alsoSearch('the output of the image', () => output);
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(output);
      return output.includes('"msg":"Ready"') ? true : undefined;
    }, 20_000).catch((cause: unknown) => {
      throw new Error(output, { cause });
    });

    const proc = (file: string): string => readFileSync(`/proc/${child.pid}/${file}`, 'utf8');
    assert.match(proc('status'), new RegExp(`^Uid:\\t${USER}\\t${USER}\\t${USER}\\t${USER}$`, 'm'));
    assert.match(proc('status'), /^CapEff:\t0+$/m);
    assert.match(proc('mountinfo'), /^\S+ \S+ \S+ \/ \/ ro,/m);

    const namespaces = await Promise.all(
      Array.from({ length: 20 }, () => world.api.createNamespace({ image: 'yes' }, 'image')),
    );
    const [namespace = ''] = namespaces;
    await createPullSecret(world.api, namespace, 'one');
    const selector = { namespaceSelector: { matchLabels: { image: 'yes' } }, secretName: 'everywhere' };
    await createClusterPullSecret(world.api, 'image', selector);
    await world.ready(NAMESPACED_PATH(namespace, 'one'));
    await world.status(CLUSTER_PATH('image'), ({ secrets }) => secrets?.ready === namespaces.length);
    assert.equal((await fetch(`http://127.0.0.1:${probes}/readyz`)).status, 200);
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    const resident = Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
    assert.ok(resident > 0 && resident < MEMORY_LIMIT, `${resident} bytes are resident`);
    assert.doesNotMatch(output, /"level":"(warn|error)"/);
    child.kill('SIGTERM');
    assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0, output);
  });
});
