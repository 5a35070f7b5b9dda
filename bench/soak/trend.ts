// Whether figures grow: a line through them by least squares. Pure.

export interface Trend {
  /** Of y for each unit of x. */
  readonly slope: number;
  /** Standard error of the slope, as if the figures were independent of each other. */
  readonly error: number;
}

export function trendOf(points: readonly (readonly [x: number, y: number])[]): Trend {
  const count = points.length;
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / count;
  const [meanX, meanY] = [mean(0), mean(1)];
  let [xx, xy] = [0, 0];
  for (const [x, y] of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
  }
  const slope = xy / xx;
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / (count - 2) / xx) };
}

/**
 * Logins that AWS is asked for in `ms`: one for each key and region at each renewal. A renewal falls between 40 % and
 * 50 % of a life, 45 % on average; ends and renewals are cut to whole seconds, each by half a second on average.
 */
export function predictedLogins(keysAndRegions: number, ms: number, lifeMs: number): number {
  const interval = (lifeMs - 500) * 0.45 - 500;
  return (keysAndRegions * ms) / interval;
}
