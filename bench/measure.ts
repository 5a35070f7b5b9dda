// Reading what a process uses, and making figures of several rounds.

import { readFileSync } from 'node:fs';

export interface Memory {
  /** Resident set size, and the part of it that the process owns, in MB (10^6 bytes). */
  readonly rss: number;
  readonly anon: number;
}

/** Linux only (`/proc`). */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string): number =>
    (Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1_024) / 1e6;
  return { rss: read('VmRSS'), anon: read('RssAnon') };
}

const SAMPLE_MS = 10;

/** Samples a process's memory; the result ends that and gives the largest amount that the process owned. */
export function watchMemory(pid: number): () => number {
  let peak = 0;
  const sample = (): void => void (peak = Math.max(peak, memoryOf(pid).anon));
  const timer = setInterval(sample, SAMPLE_MS);
  return () => {
    clearInterval(timer);
    sample();
    return peak;
  };
}

/** V8 collects once more some 8 s after a process has begun to idle. */
const REST_MS = 10_000;
/** Processor time of an idle operator in that time, several times over. */
const IDLE_CPU_MS = 300;

/** Memory of a process once it has come to rest: it has computed next to nothing for ten seconds. */
export async function memoryAtRest(pid: number): Promise<Memory> {
  for (let last = cpuMsOf(pid); ; ) {
    await pause(REST_MS);
    const now = cpuMsOf(pid);
    if (now - last < IDLE_CPU_MS) return memoryOf(pid);
    last = now;
  }
}

/** Processor time so far, in user and kernel mode; Linux counts it in hundredths of a second. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses, and may have spaces; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The most that a process has had in memory since its start, in MB. */
export function peakOf(pid: number): number {
  return (Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024) / 1e6;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** Such as `1.37 (1.22 to 1.47)`. */
export function spanned(values: readonly number[], digits = 2): string {
  const { median, least, most } = spreadOf(values);
  return `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** Waits until `read` gives the same twice, a second apart. */
export async function settled(read: () => Promise<number>): Promise<number> {
  let last = await read();
  for (;;) {
    await pause(1_000);
    const now = await read();
    if (now === last) return now;
    last = now;
  }
}
