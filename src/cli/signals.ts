// Handles SIGTERM and SIGINT before anything else of `run` is loaded: a signal during the start also ends it cleanly.
// The kernel does not deliver them to process 1, as in a container, without a handler.

const stop = new AbortController();

/** Aborts at the first of the signals, with its name as the reason; only for the command `run`. */
export const stopSignal: AbortSignal = stop.signal;

if (process.argv[2] === 'run')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort(signal));
