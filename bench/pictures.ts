// Which plots there are, and of which results. Pure.

import type { Plot } from './plots.ts';
import type { Results } from './results.ts';

/** Is committed: what docs/design/performance.md and its plots are made of. */
export const REFERENCE = 'bench/results/reference.json';

export interface Picture {
  readonly path: string;
  /** @throws Error when the results have no such part */
  readonly plotOf: (results: Results) => Plot;
}

function seriesOf({ parts }: Results, part: string, name: string): Plot['lines'][number]['points'] {
  const points = parts[part]?.series?.[name];
  if (!points) throw new Error(`no results: run node bench/bench.ts ${part}, with --into for the file that is drawn`);
  return points;
}

export const PICTURES: readonly Picture[] = [
  {
    path: 'docs/images/ready-over-time.svg',
    plotOf: (results) => {
      const points = (name: string) => seriesOf(results, 'namespacedObjects', name);
      return {
        title: '300 objects created at once',
        x: 'seconds',
        y: 'objects Ready',
        lines: [
          { name: 'operator', points: points('operator'), color: 'blue', isDashed: false, hasMarks: false },
          {
            name: 'floor: a client that only writes',
            points: points('floor'),
            color: 'orange',
            isDashed: true,
            hasMarks: false,
          },
        ],
      };
    },
  },
  {
    path: 'docs/images/memory-over-secrets.svg',
    plotOf: (results) => {
      const kinds = [
        ['one object each', 'blue'],
        ['one cluster object', 'orange'],
      ] as const;
      const times = [
        ['at rest', false],
        ['peak of the burst', true],
      ] as const;
      return {
        title: 'Resident memory over the number of Secrets',
        x: 'Secrets',
        y: 'MB',
        lines: kinds.flatMap(([kind, color]) =>
          times.map(([time, isDashed]) => {
            const name = `${kind}: ${time}`;
            return { name, points: seriesOf(results, 'memoryOverSecrets', name), color, isDashed, hasMarks: true };
          }),
        ),
      };
    },
  },
];
