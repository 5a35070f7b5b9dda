// Prometheus' own engine for queries, as a program that answers questions.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { findTool, type Tool } from '../find-tool.ts';

/** Of the Go module, whose 0.316 is Prometheus 3.16. */
const VERSION = '0.316.0';
const MAIN = readFileSync(new URL('./main.go', import.meta.url), 'utf8');

const PROMQL: Tool = {
  program: 'promql',
  title: 'the engine of Prometheus',
  // A build from another text is another program.
  version: `${VERSION}-${createHash('sha256').update(MAIN).digest('hex').slice(0, 8)}`,
  variable: 'PROMQL',
  versionArgs: ['--version'],
  complaint: (says) => (says.startsWith('promql ') ? undefined : 'does not answer as it does'),
  source: {
    'go.mod': `module promql\ngo 1.26.0\nrequire github.com/prometheus/prometheus v${VERSION}\n`,
    'main.go': MAIN,
  },
  linkerFlags: `-X main.version=${VERSION}`,
  archive: () => undefined,
};

export interface QueryLine {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since the first sample, and value; one a minute. */
  readonly values: readonly (readonly [at: number, value: number])[];
}

/**
 * @param series   values by the minute, in promtool's notation
 * @param minutes  of which the answers are
 * @returns lines by query
 * @throws Error when a query is none, or when the program cannot be had
 */
export async function askPromql(
  series: Readonly<Record<string, string>>,
  minutes: number,
  queries: readonly string[],
): Promise<readonly (readonly QueryLine[])[]> {
  const program = await findTool(PROMQL);
  const load = Object.entries(series).map(([name, values]) => `  ${name} ${values}\n`);
  const input = JSON.stringify({ series: `load 1m\n${load.join('')}`, minutes, queries });
  const { stdout, stderr, status } = spawnSync(program, { input, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as readonly (readonly QueryLine[])[];
}
