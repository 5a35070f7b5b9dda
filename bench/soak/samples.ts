// What a process holds, over time. Linux only (`/proc`).

import { readdirSync, readlinkSync } from 'node:fs';
import { memoryOf } from '../measure.ts';
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

/**
 * What it falls back to in the first and in the last quarter of the time (the lower quartile: connections come and go
 * with each fault), and the line through all.
 */
export function driftOf(samples: readonly Sample[], what: Held): Drift {
  const quarter = Math.ceil(samples.length / 4);
  const values = samples.map((one) => one[what]);
  const trend = trendOf(samples.map((one) => [one.at, one[what]] as const));
  return { first: lowerQuartile(values.slice(0, quarter)), last: lowerQuartile(values.slice(-quarter)), ...trend };
}

function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 4)] ?? Number.NaN;
}
