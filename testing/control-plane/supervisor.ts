// A program: runs the processes of one control plane for the process that started it (its owner).
// When the owner asks, or is gone for any reason, it kills them all, removes the folder, and ends.
// It must never outlive its owner, and knows nothing of Kubernetes.
//
// Usage: node supervisor.ts <folder to remove at the end>, with an IPC channel.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';

/** Requests of the owner. A name is in use from `start` until `exited`. */
export type SupervisorRequest =
  | {
      readonly op: 'start';
      readonly name: string;
      readonly program: string;
      readonly args: readonly string[];
      readonly log: string;
    }
  | { readonly op: 'end' };

/** Messages to the owner. `failed`: the program could not be started at all. */
export type SupervisorNews =
  | { readonly event: 'started'; readonly name: string; readonly pid: number }
  | { readonly event: 'failed'; readonly name: string; readonly message: string }
  | {
      readonly event: 'exited';
      readonly name: string;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    };

const folder = process.argv[2];
const children = new Map<string, ChildProcess>();
let ending = false;

function tell(news: SupervisorNews): void {
  // The owner may be gone between two lines; `disconnect` deals with that.
  if (process.connected) process.send?.(news, undefined, undefined, () => {});
}

function start({ name, program, args, log }: SupervisorRequest & { readonly op: 'start' }): void {
  const file = openSync(log, 'a', 0o600);
  // Without the owner's environment: proxies and ETCD_* variables would change what the programs do.
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR };
  const child = spawn(program, args, { stdio: ['ignore', file, file], env });
  closeSync(file);
  child.on('error', (error) => {
    if (child.pid === undefined) tell({ event: 'failed', name, message: error.message });
  });
  if (child.pid === undefined) return;
  children.set(name, child);
  child.on('exit', (code, signal) => {
    children.delete(name);
    tell({ event: 'exited', name, code, signal });
    if (ending) finishWhenAlone();
  });
  tell({ event: 'started', name, pid: child.pid });
}

function end(): void {
  ending = true;
  // SIGKILL: no program here needs a graceful end, and it reaches paused processes too. etcd's files survive it, since
  // only a crash of the machine loses what was written but not synced.
  for (const child of children.values()) child.kill('SIGKILL');
  finishWhenAlone();
}

function finishWhenAlone(): void {
  if (children.size > 0) return;
  if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.exit(0);
}

process.on('message', (request: SupervisorRequest) => {
  if (ending) return;
  if (request.op === 'start') start(request);
  else end();
});
process.on('disconnect', end);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
// The owner may have died while this file was loading.
if (!process.connected) end();
