// Progress of a long step (a download, a build) for the person who waits, on a terminal and in a pipe.
// It never decides anything: losing a report changes nothing but the screen.

/** One report. `elapsedMs`: since the step began. `note`: a line that belongs to no step. */
export interface ProgressNews {
  readonly state: 'begun' | 'running' | 'done' | 'failed' | 'note';
  readonly text: string;
  readonly elapsedMs: number;
}

/** Takes reports as they come; must not throw. */
export type Report = (news: ProgressNews) => void;

/** Often enough for a live clock that counts seconds. */
const TICK_MS = 1_000;

/** In a pipe (a CI log), one line per half minute shows life without filling the log. */
const PIPE_LINE_MS = 30_000;

/** A stream to write to; `process.stderr` fits. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/**
 * Shows reports on a stream. On a terminal: one live line, replaced each second and again at the end.
 * Elsewhere: a line at the start of a step, one every 30 s, one at its end.
 */
export function createReport(stream: ProgressStream): Report {
  let lastLineMs = 0;
  return ({ state, text, elapsedMs }) => {
    const line = state === 'begun' || state === 'note' ? text : `${text} (${formatElapsed(elapsedMs)})`;
    if (stream.isTTY) {
      const clear = '\r\u001B[2K';
      const lasting = state !== 'begun' && state !== 'running';
      // A line wider than the terminal would wrap, and `\r` could no longer take it back.
      stream.write(lasting ? `${clear}${line}\n` : `${clear}${line.slice(0, (stream.columns ?? 80) - 1)}`);
      return;
    }
    if (state === 'running' && elapsedMs - lastLineMs < PIPE_LINE_MS) return;
    lastLineMs = state === 'running' ? elapsedMs : 0;
    stream.write(`${line}\n`);
  };
}

/**
 * Runs one step and reports its beginning, each second of it, and its end.
 * @param text  the step in a person's words ("building etcd 3.7.3")
 * @param work  gets a function that sets the detail shown behind the text while the step runs
 * @returns what `work` returns; what it throws is reported as `failed` and rethrown
 */
export async function runStep<T>(
  report: Report,
  text: string,
  work: (showDetail: (detail: string) => void) => Promise<T>,
): Promise<T> {
  const begun = performance.now();
  const elapsedMs = (): number => performance.now() - begun;
  let detail = '';
  report({ state: 'begun', text, elapsedMs: 0 });
  const ticker = setInterval(() => {
    report({ state: 'running', text: detail ? `${text}: ${detail}` : text, elapsedMs: elapsedMs() });
  }, TICK_MS);
  try {
    const result = await work((next) => (detail = next));
    report({ state: 'done', text: `${text}: done`, elapsedMs: elapsedMs() });
    return result;
  } catch (error) {
    report({ state: 'failed', text: `${text}: failed`, elapsedMs: elapsedMs() });
    throw error;
  } finally {
    clearInterval(ticker);
  }
}

/** `7s`, `3m07s`: whole seconds, cut. */
export function formatElapsed(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1_000);
  if (seconds < 60) return `${seconds}s`;
  return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
}
