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
