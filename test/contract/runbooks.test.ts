// The first command of each runbook, as a person pastes it: kubectl runs it on a real API server where an operator
// serves one object and fails to serve another. Skipped where kubectl or jq is not to be had.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { conditionOf, NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { findKubectl } from '../../testing/tools/find-kubectl.ts';
import { type Rendered, renderChart } from '../../testing/tools/helm/chart.ts';
import { createHelm } from '../../testing/tools/helm/helm.ts';
import { createPullSecret } from '../scenario/manifests.ts';

/** As the README installs it. */
const RELEASE = { name: 'kube-ecr-secrets-operator', namespace: 'kube-ecr-secrets-operator-system' };
/** What commands look for of the release, by kind: the path of the collection. */
const LOOKED_FOR: Readonly<Record<string, string>> = {
  Deployment: `/apis/apps/v1/namespaces/${RELEASE.namespace}/deployments`,
  ValidatingWebhookConfiguration: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
};
const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/${RELEASE.namespace}/leases/${RELEASE.name}`;
/**
 * There is no kubelet to fetch a log from: `kubectl logs -n NAMESPACE -l LABEL` sees that a Deployment with this label
 * is there, and prints the log of the operator of the test.
 */
const KUBECTL = `#!/bin/sh
PATH="$REAL_PATH"
if [ "$1" != logs ]; then exec "$REAL_KUBECTL" --kubeconfig "$ADMIN" "$@"; fi
"$REAL_KUBECTL" --kubeconfig "$ADMIN" get deployments "$2" "$3" "$4" "$5" -o name > "$SCRATCH" && test -s "$SCRATCH" && cat "$LOG_OF_OPERATOR"
`;

const PAGE = readFileSync('docs/runbooks.md', 'utf8');
const COMMANDS = PAGE.split(/^## /m)
  .slice(1)
  .map((section) => ({
    alert: section.split('\n')[0] ?? '',
    command: /```sh\n([^]*?)```/.exec(section)?.[1]?.trim() ?? '',
  }));

describe('the first command of the runbook', () => {
  const world = useWorld();
  const folder = makeTemporaryFolder('runbooks');
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}` };
  let kubectl: string | undefined;
  let installed: readonly Rendered[] = [];
  let namespace = '';
  const hasJq = spawnSync('jq', ['--version']).status === 0;

  before(async () => {
    kubectl = await findKubectl();
    const rendered = await renderChart(await createHelm(4), RELEASE);
    installed = rendered.filter(({ kind }) => LOOKED_FOR[kind] !== undefined);
    await world.api.must('POST', '/api/v1/namespaces', { metadata: { name: RELEASE.namespace } });
    for (const object of installed) await world.api.must('POST', LOOKED_FOR[object.kind] ?? '', object);

    const metadata = { name: RELEASE.name };
    await world.api.must('POST', dirname(LEASE_PATH), { metadata, spec: { holderIdentity: 'a' } });
    const operator = await world.startOperator();
    namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'served');
    await world.ready(NAMESPACED_PATH(namespace, 'served'));
    const awsAccess = { region: 'eu-west-1', accessKeyId: 'AKIATESTWRONGKEY0001', secretAccessKey: 'wrong' };
    await createPullSecret(world.api, namespace, 'denied', { awsAccess, secretName: 'denied' });
    await world.status(NAMESPACED_PATH(namespace, 'denied'), (status) => conditionOf(status, 'Stalled') !== undefined);

    env['REAL_KUBECTL'] = kubectl;
    env['REAL_PATH'] = process.env['PATH'];
    env['ADMIN'] = world.plane.kubeconfigPath;
    env['SCRATCH'] = join(folder, 'found');
    env['LOG_OF_OPERATOR'] = join(folder, 'log');
    writeFileSync(join(folder, 'log'), operator.output());
    writeFileSync(join(folder, 'kubectl'), KUBECTL);
    chmodSync(join(folder, 'kubectl'), 0o755);
  });
  after(async () => {
    await world.api.must('DELETE', LEASE_PATH);
    for (const { kind, metadata } of installed)
      await world.api.send('DELETE', `${LOOKED_FOR[kind]}/${metadata.name}?propagationPolicy=Background`);
  });

  const isSkipped = (t: TestContext, command: string): boolean => {
    if (kubectl === undefined) t.skip('kubectl is not on the path, and there is no Go to build it');
    else if (command.includes('| jq ') && !hasJq) t.skip('jq is not on the path');
    else return false;
    return true;
  };

  for (const { alert, command } of COMMANDS) {
    test(`for ${alert} runs, and shows what it is about`, (t) => {
      if (isSkipped(t, command)) return;
      const { status, stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', command], {
        env,
        encoding: 'utf8',
      });
      // The deprecated kind, which the chart leaves out by default, is here too.
      assert.deepEqual([status, stderr.replaceAll(/^Warning: .* is deprecated; .*\n/gm, '')], [0, ''], command);
      if (command.startsWith('kubectl get ecr'))
        for (const name of ['served', 'denied']) assert.ok(stdout.includes(name));
      else if (command.startsWith('kubectl get'))
        assert.match(stdout, /aws\.zakariaamine\.com|kube-ecr-secrets-operator/);
      if (command.includes('"Could not log in"')) assert.match(stdout, /"denied":true/);
    });
  }

  test('that picks lines of the log picks such as there are', () => {
    const known = readFileSync('docs/logs.md', 'utf8');
    const picked = COMMANDS.flatMap(({ command }) =>
      [...command.matchAll(/\.msg[^"]*"([^"]+)"/g)].map(([, text]) => text),
    );
    assert.ok(picked.length >= 2);
    for (const text of picked) assert.ok(known.includes(`\`${text}`), text);
  });
});
