// The process when no reader takes its output, and when it is stopped while it is loaded.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { METRIC } from '../../src/operator/telemetry/metric-catalogue.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { NO_ENVIRONMENT } from '../../testing/operator/operator-process.ts';
import { ensureBundle } from './bundle.ts';
import { NOBODY_THERE } from './kubeconfig.ts';

let folder = '';
let child: ChildProcess | undefined;
before(() => {
  ensureBundle();
  folder = mkdtempSync(join(tmpdir(), 'streams-'));
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(NOBODY_THERE));
});
afterEach(() => void child?.kill('SIGKILL'));
after(() => rmSync(folder, { recursive: true, force: true }));

const start = (stdio: StdioOptions, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess => {
  child = spawn(
    process.execPath,
    [ensureBundle(), 'run', '--kubeconfig', join(folder, 'kubeconfig'), '--log-level', 'debug', ...args],
    { stdio, env: { ...process.env, ...NO_ENVIRONMENT, ...env } },
  );
  return child;
};
const endOf = (process: ChildProcess): Promise<readonly [code: number | null, signal: string | null]> =>
  new Promise((resolve) => process.once('exit', (code, signal) => resolve([code, signal])));

describe('an operator whose standard output', () => {
  /** A pipe that is full, and not read. */
  const fullPipe = (): number => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const page = Buffer.alloc(4_096, 'x');
    assert.throws(() => {
      for (;;) writeSync(pipe, page);
    }, /EAGAIN/);
    return pipe;
  };
  const closedPipe = (): StdioOptions => ['ignore', 'pipe', 'pipe'];

  for (const [what, open, isLost] of [
    ['has lost its reader', closedPipe, true],
    ['is a full disk', (): StdioOptions => ['ignore', openSync('/dev/full', 'w'), 'pipe'], true],
    ['is a pipe that nobody reads', (): StdioOptions => ['ignore', fullPipe(), 'pipe'], false],
  ] as const) {
    test(`${what} goes on, and ends in good order`, async () => {
      const [metricsPort, probePort] = [await findFreePort(), await findFreePort()];
      const addresses = [
        `--metrics-bind-address=127.0.0.1:${metricsPort}`,
        `--health-probe-bind-address=127.0.0.1:${probePort}`,
      ];
      const stdio = open();
      const process = start(stdio, addresses);
      process.stdout?.destroy();
      const ended = endOf(process);
      const get = (port: number, path: string): Promise<string> =>
        fetch(`http://127.0.0.1:${port}${path}`).then(
          (reply) => reply.text(),
          () => '',
        );
      await eventually(async () => ((await get(probePort, '/healthz')) === 'ok\n' ? true : undefined));
      // Each of the reflectors has logged that there is no API server.
      const failures = new RegExp(`^${METRIC.watchFailures.name}\\{resource="namespaces"\\} [1-9]`, 'm');
      const metrics = await eventually(async () => {
        const text = await get(metricsPort, '/metrics');
        return failures.test(text) ? text : undefined;
      });
      const dropped = new RegExp(`^${METRIC.logDropped.name}\\{why="output"\\} [1-9]`, 'm');
      assert.equal(dropped.test(metrics), isLost);
      assert.equal(await get(probePort, '/healthz'), 'ok\n');
      process.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null]);
      if (Array.isArray(stdio) && typeof stdio[1] === 'number') closeSync(stdio[1]);
    });
  }
});

describe('an operator with an uncaught exception', () => {
  const hookThat = (name: string, statement: string): NodeJS.ProcessEnv => {
    const hook = join(folder, `${name}.cjs`);
    // When the operator runs: its servers listen long before.
    const late = `setTimeout(() => { ${statement} }, 1_000).unref();`;
    writeFileSync(hook, `const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'; ${late}`);
    return { NODE_OPTIONS: `--require=${hook}` };
  };
  const ADDRESSES = ['--metrics-bind-address', '127.0.0.1:0', '--health-probe-bind-address', '127.0.0.1:0'];

  test('says so in its log, without the secret in it, and ends, so that it is started again', async () => {
    const env = hookThat('throws', 'throw new Error(`key ${secret}`)');
    const process = start(['ignore', 'pipe', 'pipe'], ADDRESSES, env);
    let output = '';
    for (const stream of [process.stdout, process.stderr]) stream?.on('data', (part) => void (output += part));
    assert.deepEqual(await endOf(process), [1, null]);
    assert.match(output, /"level":"error".*Ended by an unexpected error/);
    assert.doesNotMatch(output, /wJalrXUtnFEMI/);
  });

  test('goes on, and says so, when it was a rejected promise that no code awaited', async () => {
    const env = hookThat('rejects', 'void Promise.reject(new Error(`key ${secret}`))');
    const process = start(['ignore', 'pipe', 'pipe'], ADDRESSES, env);
    let output = '';
    for (const stream of [process.stdout, process.stderr]) stream?.on('data', (part) => void (output += part));
    await eventually(() => (output.includes('A promise was rejected that nobody waited for') ? true : undefined));
    assert.doesNotMatch(output, /wJalrXUtnFEMI/);
    process.kill('SIGTERM');
    assert.deepEqual(await endOf(process), [0, null]);
  });
});

describe('an operator that is stopped', () => {
  test('while most of it is still to be loaded ends in good order', async () => {
    // Sent from inside, when the program requests the first large module of Node.
    const hook = join(folder, 'hook.cjs');
    writeFileSync(
      hook,
      `const { Module } = require('node:module');
       const load = Module._load;
       Module._load = (name, ...rest) => {
         if (/^(node:)?https?$/.test(name)) {
           Module._load = load;
           process.kill(process.pid, 'SIGTERM');
         }
         return load(name, ...rest);
       };`,
    );
    const addresses = ['--metrics-bind-address', '127.0.0.1:0', '--health-probe-bind-address', '127.0.0.1:0'];
    const process = start(['ignore', 'ignore', 'ignore'], addresses, { NODE_OPTIONS: `--require=${hook}` });
    assert.deepEqual(await endOf(process), [0, null]);
  });
});
