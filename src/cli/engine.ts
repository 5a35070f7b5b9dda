// Settings of V8 for a process that mostly waits for the network.

import { setFlagsFromString } from 'node:v8';

/**
 * No optimising compilers, and small rather than fast code: after a burst of 300 objects the process holds 15 to 20 MB
 * less, in the same processor time (docs/design/performance.md).
 */
const FLAGS = ['--no-opt', '--no-maglev', '--optimize-for-size'];

/**
 * Half of them for host names (lib/name-lookup.ts). libuv reads the variable when it starts the first thread; a value
 * that is already set stays.
 */
const THREADS = '32';

/** Call it before anything is worth compiling, and before the first thread starts. */
export function keepSmall(): void {
  process.env['UV_THREADPOOL_SIZE'] ??= THREADS;
  for (const flag of FLAGS) setFlagsFromString(flag);
}
