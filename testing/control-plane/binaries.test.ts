import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { listen } from '../../src/http/server.ts';
import { cacheFolder, ETCD_VERSION, findControlPlaneBinaries } from './binaries.ts';
import { findEnvtestArchive, parseChecksum } from './binary-download.ts';
import { acquireBuildLock } from './build-lock.ts';
import { makeKubernetesModule } from './go-build.ts';
import type { ProgressNews } from './progress.ts';

const silent = (): void => {};

/** A port from the reserved range that refuses every connection. */
const NOWHERE = 'http://127.0.0.1:1';
const OFFLINE = { envtestIndex: NOWHERE, kubernetes: NOWHERE, etcd: NOWHERE };

const INDEX = `
releases:
  v1.37.2:
    envtest-v1.37.2-linux-amd64.tar.gz:
      hash: ABCD
      selfLink: https://example.com/envtest-v1.37.2-linux-amd64.tar.gz
`;

function makeTemporary(t: { after(work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'binaries-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function writeProgram(path: string): void {
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o755);
}

/** Serves fixed bodies by path, 404 for others. */
async function serve(
  t: { after(work: () => void): void },
  makeBodies: (origin: string) => Readonly<Record<string, string | Buffer>>,
): Promise<{ origin: string; asked: string[] }> {
  const asked: string[] = [];
  let bodies: Readonly<Record<string, string | Buffer>> = {};
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const body = bodies[request.url ?? ''];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  const port = await listen(server, { host: '127.0.0.1', port: 0 });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${port}`;
  bodies = makeBodies(origin);
  return { origin, asked };
}

function sha512(data: string | Buffer): string {
  return createHash('sha512').update(data).digest('hex');
}

/** The bytes of a .tar.gz with one executable per name under `folder`. */
function makeArchive(temporary: string, folder: string, names: readonly string[]): Buffer {
  mkdirSync(join(temporary, folder), { recursive: true });
  for (const name of names) writeProgram(join(temporary, folder, name));
  const file = join(temporary, 'archive.tar.gz');
  const { status } = spawnSync('tar', ['-czf', file, '-C', temporary, folder]);
  assert.equal(status, 0);
  return readFileSync(file);
}

test('the search for binaries finds the envtest archive of a release and machine, with its checksum in lower case', () => {
  assert.deepEqual(findEnvtestArchive(INDEX, '1.37.2', { os: 'linux', arch: 'amd64' }), {
    url: 'https://example.com/envtest-v1.37.2-linux-amd64.tar.gz',
    algorithm: 'sha512',
    checksum: 'abcd',
  });
});

test('the search for binaries finds no envtest archive for another release, another machine or an empty index', () => {
  assert.equal(findEnvtestArchive(INDEX, '1.37.1', { os: 'linux', arch: 'amd64' }), undefined);
  assert.equal(findEnvtestArchive(INDEX, '1.37.2', { os: 'darwin', arch: 'arm64' }), undefined);
  assert.equal(findEnvtestArchive('', '1.37.2', { os: 'linux', arch: 'amd64' }), undefined);
});

test('the search for binaries reads a checksum that stands alone and one in a list', () => {
  const sum = 'A'.repeat(128);
  const other = 'b'.repeat(64);
  assert.equal(parseChecksum(sum, 'kube-apiserver'), 'a'.repeat(128));
  assert.equal(parseChecksum(`${sum}  x.zip\n${other}  etcd.tar.gz\n`, 'etcd.tar.gz'), other);
  assert.equal(parseChecksum(`${sum}  x.zip\n`, 'etcd.tar.gz'), undefined);
  assert.equal(parseChecksum('<html>not found</html>', 'etcd.tar.gz'), undefined);
});

test('the search for binaries takes staging modules at the release that goes with the Kubernetes release', () => {
  const text = makeKubernetesModule('1.37.2', {
    Go: '1.26.0',
    Require: [{ Path: 'k8s.io/api' }, { Path: 'example.com/fork' }],
    Replace: [
      { Old: { Path: 'k8s.io/api' }, New: { Path: './staging/src/k8s.io/api' } },
      { Old: { Path: 'k8s.io/sample-controller' }, New: { Path: './staging/src/k8s.io/sample-controller' } },
      { Old: { Path: 'example.com/fork' }, New: { Path: 'example.com/other' } },
    ],
  });
  assert.deepEqual(text.split('\n'), [
    'module control-plane',
    'go 1.26.0',
    'require k8s.io/kubernetes v1.37.2',
    'require k8s.io/api v0.37.2',
    'replace k8s.io/api => k8s.io/api v0.37.2',
    'replace k8s.io/sample-controller => k8s.io/sample-controller v0.37.2',
    '',
  ]);
});

test('the search for binaries names the ways out in one sentence when there is neither internet nor Go', async (t) => {
  const home = makeTemporary(t);
  await assert.rejects(
    findControlPlaneBinaries('1.37.2', { env: { PATH: '', XDG_CACHE_HOME: home }, sites: OFFLINE, report: silent }),
    {
      message:
        'Cannot find kube-apiserver, etcd, kube-controller-manager for Kubernetes 1.37.2: set KUBEBUILDER_ASSETS to a ' +
        'folder that holds kube-apiserver and etcd, or install Go 1.25 or newer to build them, or get internet access ' +
        'to download them.',
    },
  );
  assert.equal(existsSync(`${cacheFolder('1.37.2', { XDG_CACHE_HOME: home })}.lock`), false);
});

test('the search for binaries refuses a version that is none', async () => {
  await assert.rejects(findControlPlaneBinaries('v1.37'), {
    message: 'Kubernetes version "v1.37" is not of the form 1.2.3.',
  });
});

test('the search for binaries prefers the given folder and takes only the controller manager from the cache', async (t) => {
  const home = makeTemporary(t);
  const assets = makeTemporary(t);
  const cache = cacheFolder('1.37.2', { XDG_CACHE_HOME: home });
  mkdirSync(cache, { recursive: true });
  for (const name of ['kube-apiserver', 'etcd']) writeProgram(join(assets, name));
  for (const name of ['kube-apiserver', 'kube-controller-manager']) writeProgram(join(cache, name));
  const env = { PATH: '', XDG_CACHE_HOME: home, KUBEBUILDER_ASSETS: assets };
  assert.deepEqual(await findControlPlaneBinaries('1.37.2', { env, sites: OFFLINE, report: silent }), {
    kubeApiserver: join(assets, 'kube-apiserver'),
    etcd: join(assets, 'etcd'),
    kubeControllerManager: join(cache, 'kube-controller-manager'),
  });
});

test('the search for binaries downloads the envtest archive, and the controller manager from the Kubernetes release', async (t) => {
  if (platform() !== 'linux') return t.skip('Kubernetes releases hold no controller manager for this system');
  const machine = arch() === 'x64' ? 'amd64' : arch();
  const archive = makeArchive(makeTemporary(t), 'controller-tools/envtest', ['kube-apiserver', 'etcd', 'kubectl']);
  const manager = `/k/v1.37.2/bin/linux/${machine}/kube-controller-manager`;
  const { origin } = await serve(t, (origin) => ({
    '/index': JSON.stringify({
      releases: {
        'v1.37.2': {
          [`envtest-v1.37.2-linux-${machine}.tar.gz`]: { hash: sha512(archive), selfLink: `${origin}/archive` },
        },
      },
    }),
    '/archive': archive,
    [manager]: '#!/bin/sh\n',
    [`${manager}.sha512`]: sha512('#!/bin/sh\n'),
  }));
  const home = makeTemporary(t);
  const sites = { envtestIndex: `${origin}/index`, kubernetes: `${origin}/k`, etcd: `${origin}/e` };
  const env = { PATH: process.env.PATH, XDG_CACHE_HOME: home };
  const found = await findControlPlaneBinaries('1.37.2', { env, sites, report: silent });
  const cache = cacheFolder('1.37.2', env);
  assert.deepEqual(found, {
    kubeApiserver: join(cache, 'kube-apiserver'),
    etcd: join(cache, 'etcd'),
    kubeControllerManager: join(cache, 'kube-controller-manager'),
  });
  for (const path of Object.values(found)) assert.equal(statSync(path).mode & 0o111, 0o111, path);
  assert.deepEqual(readdirSync(cache).sort(), ['etcd', 'kube-apiserver', 'kube-controller-manager']);
});

test('the search for binaries downloads from the Kubernetes and etcd releases when no envtest archive fits', async (t) => {
  if (platform() !== 'linux') return t.skip('these releases are for Linux');
  const machine = arch() === 'x64' ? 'amd64' : arch();
  const folder = `etcd-v${ETCD_VERSION}-linux-${machine}`;
  const archive = makeArchive(makeTemporary(t), folder, ['etcd']);
  const server = `/k/v1.37.2/bin/linux/${machine}/kube-apiserver`;
  const { origin } = await serve(t, () => ({
    '/index': INDEX.replaceAll('1.37.2', '1.30.0'),
    [`/e/v${ETCD_VERSION}/SHA256SUMS`]: `${createHash('sha256').update(archive).digest('hex')}  ${folder}.tar.gz\n`,
    [`/e/v${ETCD_VERSION}/${folder}.tar.gz`]: archive,
    [server]: '#!/bin/sh\n',
    [`${server}.sha512`]: sha512('#!/bin/sh\n'),
  }));
  const sites = { envtestIndex: `${origin}/index`, kubernetes: `${origin}/k`, etcd: `${origin}/e` };
  const env = { PATH: process.env.PATH, XDG_CACHE_HOME: makeTemporary(t) };
  const found = await findControlPlaneBinaries('1.37.2', { env, sites, report: silent, controllerManager: false });
  assert.deepEqual(Object.keys(found), ['kubeApiserver', 'etcd']);
  for (const path of Object.values(found)) assert.equal(existsSync(path), true, path);
});

test('the search for binaries throws a download away whose checksum does not fit, and says so', async (t) => {
  if (platform() !== 'linux') return t.skip('these releases are for Linux');
  const machine = arch() === 'x64' ? 'amd64' : arch();
  const path = `/k/v1.37.2/bin/linux/${machine}/kube-apiserver`;
  const { origin } = await serve(t, () => ({ '/index': INDEX, [path]: 'forged', [`${path}.sha512`]: sha512('true') }));
  const sites = { envtestIndex: `${origin}/index`, kubernetes: `${origin}/k`, etcd: `${origin}/e` };
  const env = { PATH: '', XDG_CACHE_HOME: makeTemporary(t) };
  const news: ProgressNews[] = [];
  const report = (item: ProgressNews): void => void news.push(item);
  await assert.rejects(
    findControlPlaneBinaries('1.37.2', { env, sites, report, controllerManager: false }),
    /Cannot find/u,
  );
  assert.ok(news.some(({ text }) => text.includes('checksum') && text.includes('does not fit')));
  assert.equal(existsSync(join(cacheFolder('1.37.2', env), 'kube-apiserver')), false);
});

test('the search for binaries asks no further server once the first one does not answer', async (t) => {
  const { origin, asked } = await serve(t, () => ({}));
  const sites = { envtestIndex: NOWHERE, kubernetes: origin, etcd: origin };
  const env = { PATH: '', XDG_CACHE_HOME: makeTemporary(t) };
  await assert.rejects(findControlPlaneBinaries('1.37.2', { env, sites, report: silent }), /Cannot find/u);
  assert.deepEqual(asked, []);
});

test('the search for binaries lets a second process wait until the first gives the lock back', async (t) => {
  const folder = join(makeTemporary(t), 'lock');
  const release = await acquireBuildLock(folder, silent);
  const order: string[] = [];
  const waiting = Promise.withResolvers<void>();
  const second = acquireBuildLock(folder, ({ state }) => state === 'begun' && waiting.resolve());
  const taken = second.then(() => order.push('second has it'));
  await waiting.promise;
  order.push('first gives it back');
  release();
  await taken;
  assert.deepEqual(order, ['first gives it back', 'second has it']);
  (await second)();
  assert.equal(existsSync(folder), false);
});

test('the search for binaries takes the lock of a process that is dead', async (t) => {
  const folder = join(makeTemporary(t), 'lock');
  const dead = spawnSync(process.execPath, ['--version']).pid;
  mkdirSync(folder);
  writeFileSync(join(folder, 'pid'), String(dead));
  const release = await acquireBuildLock(folder, silent);
  assert.equal(readFileSync(join(folder, 'pid'), 'utf8'), String(process.pid));
  release();
});
