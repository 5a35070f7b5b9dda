// Node processes of tests, demo and bench: they end with this process, however it ends.

import { type ChildProcess, spawn } from 'node:child_process';

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
// They have a group of their own: Ctrl-C goes to this process alone, which ends them in its order if it has one.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(code);
  });

/**
 * Starts this Node with `args`; both streams are text. `env` overrides this process's, `undefined` removes a variable.
 *
 * @param within  a command that execs the one after it, such as `unshare -m`
 */
export function startNode(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  within: readonly string[] = [],
): ChildProcess {
  const [command = process.execPath, ...rest] = [...within, process.execPath, ...args];
  const child = spawn(command, rest, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdout?.setEncoding('utf8');
  child.stderr?.setEncoding('utf8');
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** Sends a signal and waits for the end; returns the exit code, null when the signal ended it. */
export async function endNode(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.kill(signal);
  return await exit;
}
