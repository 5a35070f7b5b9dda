// A login's life as a line: how much has passed, and where it is renewed.

import type { DurationMs, EpochMs } from '../lib/time.ts';

export interface Life {
  readonly from: EpochMs;
  readonly renewAt: EpochMs;
  readonly until: EpochMs;
}

const WIDTH = 24;

/** @returns `━` for what has passed, `─` for what is left, `┃` where it is renewed */
export function lifeBar({ from, renewAt, until }: Life, now: EpochMs): string {
  const length = Math.max(1, until - from);
  const at = (instant: EpochMs): number =>
    Math.min(WIDTH, Math.max(0, Math.round(((instant - from) / length) * WIDTH)));
  const [passed, renewal] = [at(now), Math.min(at(renewAt), WIDTH - 1)];
  return Array.from({ length: WIDTH }, (_, place) => {
    if (place === renewal) return '┃';
    return place < passed ? '━' : '─';
  }).join('');
}

const UNITS: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
];

/** As kubectl writes an age: the two largest units, `7h12m`. */
export function spanWords(length: DurationMs): string {
  const first = UNITS.findIndex(([ms]) => length >= ms);
  if (first === -1) return '0s';
  let rest = length as number;
  return UNITS.slice(first, first + 2)
    .map(([ms, unit]) => {
      const count = Math.floor(rest / ms);
      rest -= count * ms;
      return count === 0 ? '' : `${count}${unit}`;
    })
    .join('');
}

/** `in 7h12m`, or `7h12m ago`. */
export function whenWords(instant: EpochMs, now: EpochMs): string {
  const words = spanWords(Math.abs(instant - now) as DurationMs);
  return instant >= now ? `in ${words}` : `${words} ago`;
}
