// What V8 is told for a process that mostly waits for the network.

import { setFlagsFromString } from 'node:v8';

/**
 * No optimising compilers, and small code rather than fast code: after a burst of 300 objects the process holds 15 to 20 MB
 * less, in the same processor time (docs/performance.md).
 */
const FLAGS = ['--no-opt', '--no-maglev', '--optimize-for-size'];

/**
 * Of which names of hosts get half (lib/name-lookup.ts). libuv reads it when the first thread is wanted; where it is set, that counts.
 */
const THREADS = '32';

/** To be called before anything is worth compiling, and before any thread is wanted. */
export function keepSmall(): void {
  process.env['UV_THREADPOOL_SIZE'] ??= THREADS;
  for (const flag of FLAGS) setFlagsFromString(flag);
}
