// The kubectl commands of the documentation, as a person pastes them: each runs on a real API server where an operator
// serves the objects that the pages speak of. Those that need a release, a kubelet or another program are left out.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, globSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { systemClock } from '../../src/lib/time.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, createTestApi, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { BUNDLE } from '../../testing/operator/operator-process.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import { GOOD_KEY, type RunningOperator, SECRET_PATH, startInProcess } from '../../testing/operator/world.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { findKubectl } from '../../testing/tools/find-kubectl.ts';
import { ensureBundle, PARTS } from '../process/bundle.ts';
import { createClusterPullSecret, createPullSecret } from '../scenario/manifests.ts';

const OPERATOR_NAMESPACE = 'kube-ecr-secrets-operator-system';
/** What cannot be had here: a release, the pod of the operator, and its Deployment. */
const NOT_HERE = /https:\/\/|oci:\/\/|…|VERSION|kubectl logs|services\/|deployment /;
/** A page may create what a page before it has created, and end with what another one needs. */
const DONE_BEFORE = /\((AlreadyExists|NotFound)\)|already exists$/m;
/** More than any of them takes; `kubectl wait` has a time of its own. */
const LIMIT_MS = 90_000;

interface Command {
  readonly page: string;
  readonly text: string;
}

/** Statements of a block: lines that go on and pipes are one, and so is a loop. */
function statementsOf(block: string): readonly string[] {
  const lines = block
    .replaceAll(/\\\n\s*/g, ' ')
    .replaceAll(/(\||&&)\n\s*/g, '$1 ')
    .split('\n');
  const statements: string[] = [];
  let isInLoop = false;
  for (const line of lines) {
    if (isInLoop) statements.push(`${statements.pop()}\n${line}`);
    else statements.push(line.trim());
    isInLoop = isInLoop ? line.trim() !== 'done' : /^(for|while) .*; do$/.test(line.trim());
  }
  return statements;
}

const COMMANDS: readonly Command[] = ['README.md', ...globSync('docs/**/*.md').sort()].flatMap((page) =>
  [...readFileSync(page, 'utf8').matchAll(/^ *```sh\n([^]*?)^ *```/gm)]
    .flatMap(([, block = '']) => statementsOf(block))
    .filter((text) => /\bkubectl /.test(text) && !NOT_HERE.test(text))
    .map((text) => ({ page, text })),
);
/** What takes something away comes last. */
const IN_ORDER = COMMANDS.toSorted(
  (one, other) => Number(/ delete /.test(one.text)) - Number(/ delete /.test(other.text)),
);

describe('the documentation', () => {
  const folder = makeTemporaryFolder('commands');
  let plane: ControlPlane | undefined;
  let api: TestApi;
  let aws: AwsStandIn | undefined;
  let operator: RunningOperator | undefined;
  let kubectl: string | undefined;
  let succeeded = 0;
  const hasJq = spawnSync('jq', ['--version']).status === 0;

  before(async () => {
    kubectl = await findKubectl();
    if (kubectl === undefined || !hasJq) return;
    plane = await startControlPlane({
      controllerManager: true,
      prepare: (address) => installCrds(createTestApi(address)),
    });
    api = adminOf(plane);
    aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
    process.env['AWS_ENDPOINT_URL_ECR'] = aws.url;
    operator = await startInProcess(accessTo(plane, plane.adminToken), systemClock);
    for (const name of ['shop', 'shop-test', 'ns1', 'ns2', OPERATOR_NAMESPACE])
      await api.must('POST', '/api/v1/namespaces', { metadata: { name } });
    const type = 'kubernetes.io/dockerconfigjson';
    const stringData = { '.dockerconfigjson': '{"auths":{}}' };
    for (const namespace of ['shop', 'ns1', 'ns2'])
      await api.must('POST', SECRET_PATH(namespace), { metadata: { name: 'regcred' }, type, stringData });
    await createPullSecret(api, 'shop', 'my-ecr-credentials', { secretName: 'ecr-login' });
    await createPullSecret(api, 'shop', 'login', { secretName: 'login' });
    await createClusterPullSecret(api, 'for-everybody', { secretName: 'for-everybody', namespaces: ['ns1'] });
    await eventually(async () =>
      (await api.get('/api/v1/namespaces/shop/serviceaccounts/default')).status === 200 ? true : undefined,
    );
    const containers = [{ name: 'api', image: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/api:1' }];
    const spec = { imagePullSecrets: [{ name: 'ecr-login' }], containers };
    await api.must('POST', '/api/v1/namespaces/shop/pods', { metadata: { name: 'api' }, spec });
    await eventually(async () => ((await api.get(SECRET_PATH('shop', 'ecr-login'))).status === 200 ? true : undefined));
    mkdirSync(join(folder, 'dist'));
    const bundle = ensureBundle();
    copyFileSync(bundle, join(folder, 'dist', basename(BUNDLE)));
    cpSync(join(dirname(bundle), PARTS), join(folder, 'dist', PARTS), { recursive: true });
    mkdirSync(join(folder, 'bin'));
    symlinkSync(join(folder, 'dist', basename(BUNDLE)), join(folder, 'bin', 'kubectl-ecr_secrets'));
    for (const name of ['.well-known', 'openid/v1']) mkdirSync(join(folder, name), { recursive: true });
  });
  after(async () => {
    delete process.env['AWS_ENDPOINT_URL_ECR'];
    await operator?.stop();
    await aws?.stop();
    await plane?.stop();
  });

  const run = async (text: string): Promise<{ readonly code: number | null; readonly words: string }> => {
    const path = [join(folder, 'bin'), dirname(process.execPath), process.env['PATH']].join(delimiter);
    const env = { ...process.env, PATH: path, KUBECONFIG: plane?.kubeconfigPath, KUBECTL: kubectl };
    const script = `set -o pipefail\nkubectl() { command "$KUBECTL" "$@"; }\n${text}\n`;
    const child = spawn('bash', ['-c', script], {
      env,
      cwd: folder,
      timeout: LIMIT_MS,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let words = '';
    child.stdout.resume();
    child.stderr.on('data', (part: Buffer) => {
      words += part.toString('utf8');
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, words };
  };
  const skips = (t: TestContext): boolean => {
    if (kubectl === undefined || !hasJq) t.skip('needs kubectl and jq');
    return kubectl === undefined || !hasJq;
  };

  for (const { page, text } of IN_ORDER) {
    test(`has in ${page} a command that kubectl takes: ${text.split('\n')[0]?.slice(0, 100)}`, async (t) => {
      if (skips(t)) return;
      const { code, words } = await run(text);
      if (code === 0) succeeded += 1;
      else assert.match(words, DONE_BEFORE, `${text}\n${words}`);
    });
  }

  test('has commands nearly all of which do what they say', (t) => {
    if (skips(t)) return;
    assert.ok(COMMANDS.length > 50, String(COMMANDS.length));
    assert.ok(succeeded > COMMANDS.length * 0.9, `${succeeded} of ${COMMANDS.length}`);
  });
});
