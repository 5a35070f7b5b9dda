// What a process holds, over time. Linux only (`/proc`).

import { readdirSync, readlinkSync } from 'node:fs';
import { median, memoryOf } from '../measure.ts';
import { trendOf } from './trend.ts';

export interface Sample {
  /** Hours since the beginning. */
  readonly at: number;
  readonly rss: number;
  readonly anon: number;
  readonly sockets: number;
  readonly descriptors: number;
}

export function sampleOf(pid: number, at: number): Sample {
  const folder = `/proc/${pid}/fd`;
  const targets = readdirSync(folder).map((name) => {
    try {
      return readlinkSync(`${folder}/${name}`);
    } catch {
      // Closed in the meantime.
      return undefined;
    }
  });
  const open = targets.filter((target) => target !== undefined);
  const sockets = open.filter((target) => target.startsWith('socket:')).length;
  return { at, ...memoryOf(pid), sockets, descriptors: open.length };
}

export type Held = Exclude<keyof Sample, 'at'>;

export interface Drift {
  readonly first: number;
  readonly last: number;
  /** For each hour. */
  readonly slope: number;
  readonly error: number;
}

/** The medians of the first and the last quarter, and the line through all. */
export function driftOf(samples: readonly Sample[], what: Held): Drift {
  const quarter = Math.ceil(samples.length / 4);
  const values = samples.map((one) => one[what]);
  const trend = trendOf(samples.map((one) => [one.at, one[what]] as const));
  return { first: median(values.slice(0, quarter)), last: median(values.slice(-quarter)), ...trend };
}
