// Hears SIGTERM and SIGINT before anything else of `run` is loaded: who is told to stop while it starts ends in good order too.
// A process with the number 1, as in a container, would not even hear of them without a listener.

const stop = new AbortController();

/** Aborts at the first of the signals, with its name as the reason; only where the command is `run`, others end as usual. */
export const stopSignal: AbortSignal = stop.signal;

if (process.argv[2] === 'run')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort(signal));
