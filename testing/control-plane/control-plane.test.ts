import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse as parseYaml } from 'yaml';
import { isAlive } from './build-lock.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

interface Answer {
  readonly status: number;
  readonly body: { readonly [field: string]: unknown };
}

/** One request as admin, over TLS that is verified against the control plane's own authority only. */
async function call(plane: ControlPlane, method: string, path: string, sent?: unknown): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${plane.adminToken}`, 'content-type': 'application/json' };
    const options = { method, headers, ca: plane.certificateAuthority, agent: false as const };
    const outgoing = request(new URL(path, plane.url), options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] }));
    });
    outgoing.on('error', reject).end(sent === undefined ? undefined : JSON.stringify(sent));
  });
}

async function until(what: string, limitMs: number, look: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await look())) {
    assert.ok(performance.now() < deadline, `not within ${limitMs} ms: ${what}`);
    await sleep(20);
  }
}

/** A process that ended but is still in the table (a zombie, until init reaps it) no longer runs. */
function isRunning(pid: number): boolean {
  if (!isAlive(pid)) return false;
  const status = `/proc/${pid}/status`;
  return !existsSync(status) || !/^State:\s+Z/mu.test(readFileSync(status, 'utf8'));
}

function namespaceBody(name: string): unknown {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

const OWNER = `
  const { startControlPlane } = await import(process.argv[1]);
  const plane = await startControlPlane();
  console.log(JSON.stringify({ pids: Object.values(plane.processIds()), folder: plane.folder }));
  if (process.argv[2] === 'wait') setInterval(() => {}, 1000);
`;

/** Starts a Node process that owns a control plane, and waits until that is ready. Both end with the test. */
async function startOwner(
  t: { after(work: () => void): void },
  then: 'wait' | 'end',
): Promise<{ pid: number; pids: number[]; folder: string }> {
  const url = new URL('control-plane.ts', import.meta.url).href;
  const owner = spawn(process.execPath, ['--input-type=module', '--eval', OWNER, url, then], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => void owner.kill('SIGKILL'));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: owner.stdout })
      .once('line', resolve)
      .once('close', () => reject(new Error('no answer')));
  });
  return { pid: owner.pid ?? 0, ...(JSON.parse(line) as { pids: number[]; folder: string }) };
}

test('two control planes run at once, each with its own verified address, and leave nothing behind when stopped', async (t) => {
  const planes = await Promise.all([startControlPlane(), startControlPlane()]);
  t.after(async () => await Promise.all(planes.map(async (plane) => await plane.stop())));
  assert.notEqual(planes[0].url, planes[1].url);
  for (const plane of planes) {
    const { status, body } = await call(plane, 'GET', '/version');
    assert.equal(status, 200);
    assert.equal(body.gitVersion, `v${plane.version}`);
    assert.equal(readFileSync(plane.kubeconfigPath, 'utf8'), plane.kubeconfig);
    const { clusters } = parseYaml(plane.kubeconfig) as { clusters: { cluster: { server: string } }[] };
    assert.equal(clusters[0]?.cluster.server, plane.url);
  }
  const pids = planes.flatMap((plane) => Object.values(plane.processIds()));
  assert.equal(pids.length, 6);
  assert.ok(pids.every(isRunning));
  await Promise.all(planes.map(async (plane) => await plane.stop()));
  assert.deepEqual(pids.filter(isRunning), []);
  for (const plane of planes) assert.equal(existsSync(plane.folder), false);
  await planes[0].stop();
});

test('a control plane leaves no process behind when its owner is killed', async (t) => {
  const owner = await startOwner(t, 'wait');
  assert.ok(owner.pids.length === 3 && owner.pids.every(isRunning));
  process.kill(owner.pid, 'SIGKILL');
  await until('all processes gone', 30_000, () => !owner.pids.some(isRunning));
  assert.equal(existsSync(owner.folder), false);
});

test('a control plane leaves no process behind when its supervisor is killed', async (t) => {
  const plane = await startControlPlane();
  t.after(async () => rmSync(plane.folder, { recursive: true, force: true }));
  const { supervisor, ...others } = plane.processIds();
  process.kill(supervisor ?? 0, 'SIGKILL');
  await until('all processes gone', 30_000, () => !Object.values(others).some(isRunning));
  await plane.stop();
});

test('a control plane ends by itself when its owner has nothing left to do', async (t) => {
  const owner = await startOwner(t, 'end');
  await until('all processes gone', 30_000, () => ![owner.pid, ...owner.pids].some(isRunning));
});

test('a control plane keeps objects and address over a graceful and a hard restart of the API server', async (t) => {
  const plane = await startControlPlane();
  t.after(async () => await plane.stop());
  assert.equal((await call(plane, 'POST', '/api/v1/namespaces', namespaceBody('kept'))).status, 201);

  const first = plane.processIds()['kube-apiserver'];
  await plane.restartApiServer();
  assert.notEqual(plane.processIds()['kube-apiserver'], first);
  assert.equal((await call(plane, 'GET', '/api/v1/namespaces/kept')).status, 200);

  await plane.killApiServer();
  assert.equal(plane.processIds()['kube-apiserver'], undefined);
  await assert.rejects(call(plane, 'GET', '/version'), { code: 'ECONNREFUSED' });
  await plane.restartApiServer();
  assert.equal((await call(plane, 'GET', '/api/v1/namespaces/kept')).status, 200);
});

test('a control plane gives no answer while paused and the pending answer once resumed', async (t) => {
  const plane = await startControlPlane();
  t.after(async () => await plane.stop());
  plane.pauseApiServer();
  const answer = call(plane, 'GET', '/version');
  const first = await Promise.race([answer.then(() => 'answer'), sleep(300, 'silence')]);
  plane.resumeApiServer();
  assert.equal(first, 'silence');
  assert.equal((await answer).status, 200);
});

test('a control plane deletes namespaces and collects orphans when it has a controller manager', async (t) => {
  const plane = await startControlPlane({ controllerManager: true });
  t.after(async () => await plane.stop());
  const configMaps = '/api/v1/namespaces/doomed/configmaps';
  const makeConfigMap = (name: string, owners: unknown[]): unknown => {
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ownerReferences: owners } };
  };
  assert.equal((await call(plane, 'POST', '/api/v1/namespaces', namespaceBody('doomed'))).status, 201);
  const { body } = await call(plane, 'POST', configMaps, makeConfigMap('owner', []));
  const { uid } = body.metadata as { uid: string };
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid };
  assert.equal((await call(plane, 'POST', configMaps, makeConfigMap('owned', [reference]))).status, 201);
  await call(plane, 'DELETE', `${configMaps}/owner`);
  await until(
    'owned object collected',
    30_000,
    async () => (await call(plane, 'GET', `${configMaps}/owned`)).status === 404,
  );
  await call(plane, 'DELETE', '/api/v1/namespaces/doomed');
  await until(
    'namespace gone',
    30_000,
    async () => (await call(plane, 'GET', '/api/v1/namespaces/doomed')).status === 404,
  );
});

test('a control plane finds its objects again when started on kept data', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kept-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const first = await startControlPlane({ keepDataIn: folder });
  t.after(async () => await first.stop());
  await call(first, 'POST', '/api/v1/namespaces', namespaceBody('kept'));
  await first.stop();
  const second = await startControlPlane({ keepDataIn: folder });
  t.after(async () => await second.stop());
  assert.equal(second.adminToken, first.adminToken);
  assert.equal((await call(second, 'GET', '/api/v1/namespaces/kept')).status, 200);
  await second.stop();
  assert.equal(existsSync(join(folder, 'kubeconfig')), true);
});

test('a control plane shows the end of the log when a process ends during the start', async () => {
  await assert.rejects(startControlPlane({ apiServerFlags: ['--no-such-flag'] }), {
    name: 'EarlyEndError',
    message: /^kube-apiserver ended while it started \(code 1\):\n.*unknown flag: --no-such-flag/su,
  });
});
