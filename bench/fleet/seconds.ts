// How many calls came in each second, and what is said of them. Pure but for the counting.

export interface SecondsCount {
  /** @param ms  since the beginning; what comes after the last second is not counted */
  count(ms: number): void;
  readonly total: number;
  /** The most in one second, of those from `from` on. */
  worst(from?: number): number;
  /** Of all seconds, the silent ones too, `share` have at most so many calls. */
  quantile(share: number): number;
  /** Seconds with more than `limit` calls. */
  above(limit: number): number;
}

export function countSeconds(length: number): SecondsCount {
  const calls = new Uint32Array(length);
  return {
    count(ms) {
      const second = Math.floor(ms / 1_000);
      if (second < length) calls[second] = (calls[second] ?? 0) + 1;
    },
    get total() {
      return calls.reduce((sum, one) => sum + one, 0);
    },
    worst: (from = 0) => calls.subarray(from).reduce((most, one) => Math.max(most, one), 0),
    quantile: (share) => calls.toSorted()[Math.max(0, Math.ceil(length * share) - 1)] ?? 0,
    above: (limit) => calls.reduce((sum, one) => sum + (one > limit ? 1 : 0), 0),
  };
}
