// The process log: one line per event, JSON for machines or text for people. It redacts every text.

import pino from 'pino';
import { redact } from './redact.ts';
import { type Clock, formatMilliseconds } from './time.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'json' | 'text';

/** Values of fields; objects are not allowed, so that nothing unexpected is serialised. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /**
   * `error`, if given, becomes `err`: its name and redacted text, with those of its causes; where, for a program bug.
   */
  warn(message: string, fields?: LogFields, error?: unknown): void;
  error(message: string, fields?: LogFields, error?: unknown): void;
  with(fields: LogFields): Logger;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Receives whole lines, each with its line feed. */
  readonly write: (line: string) => void;
  readonly clock: Clock;
}

/** The depth to which a chain of causes is followed. */
const CAUSES = 4;
/** Characters written of a text: an error may hold an answer of megabytes. */
const LONGEST_TEXT = 2_000;
/** What a program bug throws; errors of systems and services have a code, or a class of their own. */
const MISTAKES: ReadonlySet<string> = new Set(['Error', 'TypeError', 'RangeError', 'ReferenceError']);
/** Lines of a stack that are written: enough to locate the bug. */
const FRAMES = 3;

/** Where a bug threw, for a report: in the bundle, line and column. */
function placeOf(error: Error): string {
  if (!MISTAKES.has(error.name) || 'code' in error) return '';
  const frames = error.stack?.match(/^ +at .+$/gm) ?? [];
  return frames
    .slice(0, FRAMES)
    .map((frame) => ` ${frame.trim()}`)
    .join('');
}

function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  const own = `${error.name}${code}: ${error.message}`;
  if (error.cause === undefined) return own + placeOf(error);
  return depth >= CAUSES ? own : `${own} <- ${describe(error.cause, depth + 1)}`;
}

function shown(text: string): string {
  return redact(text).slice(0, LONGEST_TEXT).toWellFormed();
}

function clean(fields: LogFields): Record<string, string | number | boolean> {
  const result: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) result[name] = typeof value === 'string' ? shown(value) : value;
  }
  return result;
}

function textLine(line: string): string {
  const { ts, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(
    ([name, value]) =>
      ` ${name}=${typeof value === 'string' && /[\s"]/.test(value) ? JSON.stringify(value) : String(value)}`,
  );
  return `${String(ts)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${fields.join('')}\n`;
}

/**
 * @param make  the logger, made by its first line: most reconciliations write none
 */
function wrap(make: () => pino.Logger, isEnabled: (level: LogLevel) => boolean): Logger {
  let made: pino.Logger | undefined;
  const target = (): pino.Logger => (made ??= make());
  const write = (level: LogLevel, message: string, fields: LogFields = {}, error?: unknown): void => {
    if (!isEnabled(level)) return;
    const described = error === undefined ? {} : { err: shown(describe(error)) };
    target()[level]({ ...clean(fields), ...described }, shown(message));
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields, error) => write('warn', message, fields, error),
    error: (message, fields, error) => write('error', message, fields, error),
    with: (fields) => wrap(() => target().child(clean(fields)), isEnabled),
  };
}

/** A logger that writes synchronously, so that the last lines of a dying process are not lost. */
export function createLogger(options: LogOptions): Logger {
  const stream = { write: options.format === 'json' ? options.write : (line: string) => options.write(textLine(line)) };
  const target = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"ts":"${formatMilliseconds(options.clock.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return wrap(
    () => target,
    (level) => target.isLevelEnabled(level),
  );
}
