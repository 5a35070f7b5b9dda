// How long the kubelet still waits before it tries a failed pull again: an estimate from its Events. Pure.

import { type DurationMs, type EpochMs, seconds } from '../lib/time.ts';

/** Events `Pulling` of one container. */
export interface Pulls {
  /** How often it began to pull. */
  readonly count: number;
  readonly lastAt: EpochMs;
}

/** The kubelet's back-off for images: doubled from the first to the last (Kubernetes, Images, ImagePullBackOff). */
const FIRST = seconds(10);
export const LONGEST_WAIT = seconds(300);

/** @returns 0 when it is about to try, or should have: the kubelet looks at a pod only every few seconds */
export function waitsStill({ count, lastAt }: Pulls, now: EpochMs): DurationMs {
  const wait = Math.min(FIRST * 2 ** Math.min(Math.max(count - 1, 0), 10), LONGEST_WAIT);
  return Math.max(0, lastAt + wait - now) as DurationMs;
}
