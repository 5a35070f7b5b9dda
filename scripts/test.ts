// Runs the tests in node's own runner and ends with what failed and one line of counts.
//   node scripts/test.ts              everything but the two below, in two processes at a time
//   node scripts/test.ts FILE...      these files
//   node scripts/test.ts live         the tests against AWS itself
//   node scripts/test.ts alerts       the alerts, by promtool

import { fork } from 'node:child_process';
import { globSync } from 'node:fs';
import { relative } from 'node:path';
import { type EventData, run } from 'node:test';
import { spec } from 'node:test/reporters';
import { findControlPlaneBinaries, wantedVersion } from '../testing/control-plane/binaries.ts';
import { createReport } from '../testing/control-plane/progress.ts';
import { findCertManager } from '../testing/tools/cert-manager/find-cert-manager.ts';
import { findCrane } from '../testing/tools/crane/find-crane.ts';
import { findKubectl } from '../testing/tools/find-kubectl.ts';
import { findPromtool } from '../testing/tools/find-promtool.ts';
import { findHelm } from '../testing/tools/helm/find-helm.ts';

const LIVE = 'test/live/*.test.ts';
/** The build of promtool takes minutes, and the alerts hardly ever change. */
const ALERTS = 'test/alerts/*.test.ts';
const ALL = ['src', 'testing', 'scripts', 'test', 'bench'].map((folder) => `${folder}/**/*.test.ts`);
const TIMEOUT_MS = 20 * 60 * 1_000;
/**
 * Each a process: no start-up cost a file, and one control plane for all suites that use it. The suites mostly wait, so
 * that two processes take little more than half the time; what overloads a machine on purpose has it for itself.
 */
const ALONE = /^test\/load\//;
/** Of the others, those of one of the two; they take about as long as the rest. */
const FIRST_LANE = /^test\/(?:scenario|process|conformance)\/|^bench\//;

const LIVE_VARIABLES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION'];

function chosen(args: readonly string[]): readonly string[] {
  if (args[0] === 'alerts') return globSync(ALERTS);
  if (args[0] !== 'live') return (args.length > 0 ? [...args] : globSync(ALL, { exclude: [LIVE, ALERTS] })).sort();
  const missing = LIVE_VARIABLES.filter((name) => !process.env[name]);
  if (missing.length > 0) {
    console.error(`live tests talk to AWS: set ${missing.join(', ')}`);
    process.exit(2);
  }
  return globSync(LIVE);
}

const args = process.argv.slice(2);
const files = chosen(args);
if (args[0] !== 'live') {
  // Found or built now, with progress on the terminal, rather than silently inside the first suite.
  const report = createReport(process.stderr);

  if (args[0] === 'alerts') await findPromtool({ report });
  await findControlPlaneBinaries(wantedVersion(), { report, controllerManager: true });
  if (files.some((file) => /test\/(chart|alerts)\//.test(file)))
    for (const major of [4, 3] as const) await findHelm(major, { report });
  if (files.some((file) => file.endsWith('scenario/pull.test.ts'))) await findCrane({ report });
  // Those tests are skipped where it cannot be built.
  if (files.some((file) => file.endsWith('contract/runbooks.test.ts'))) await findKubectl({ report });
  if (files.some((file) => file.endsWith('chart/cert-manager.test.ts'))) await findCertManager({ report });
}

interface Outcome {
  readonly passed: number;
  readonly skipped: number;
  /** Of each test that failed, in the order of their ends: where it stands, its name, and the first line of why. */
  readonly failures: readonly string[];
}

function failureOf({ file, line, name, details }: EventData.TestFail): string {
  const { cause, message } = details.error;
  const [why] = (cause instanceof Error ? cause.message : message).split('\n');
  return `${file === undefined ? '' : `${relative('.', file)}:${line} `}${name}: ${why}`;
}

/** Runs these files in this process, and prints what comes of each test. */
async function runHere(these: readonly string[]): Promise<Outcome> {
  let [passed, skipped] = [0, 0];
  const failures: string[] = [];
  const stream = run({ files: [...these], isolation: 'none', concurrency: false, timeout: TIMEOUT_MS });
  stream.on('test:pass', ({ details, skip }) => {
    if (details.type === 'suite') return;
    if (skip === undefined) passed += 1;
    else skipped += 1;
  });
  stream.on('test:fail', (event) => {
    const { type, error } = event.details;
    // A suite fails with its tests, which are counted; by itself only when one of its hooks does.
    if (type === 'suite' && Reflect.get(error, 'failureType') === 'subtestsFailed') return;
    failures.push(failureOf(event));
  });
  const ended = new Promise((resolve) => void stream.on('end', resolve));
  stream.compose(spec).pipe(process.stdout);
  await ended;
  return { passed, skipped, failures };
}

/** Runs these files in a process of their own. @returns its outcome, and what it printed if it was not shown */
function runInChild(
  these: readonly string[],
  isShown: boolean,
): Promise<{ readonly outcome: Outcome; readonly text: string }> {
  const child = fork(import.meta.filename, these, {
    stdio: ['ignore', isShown ? 'inherit' : 'pipe', 'inherit', 'ipc'],
  });
  const chunks: Buffer[] = [];
  let outcome: Outcome | undefined;
  child.stdout?.on('data', (chunk: Buffer) => void chunks.push(chunk));
  child.on('message', (message: Outcome) => {
    outcome = message;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      const lost = `the process of ${these.length} files ended by ${signal ?? code} before it told of its tests`;
      const text = Buffer.concat(chunks).toString('utf8');
      resolve({ outcome: outcome ?? { passed: 0, skipped: 0, failures: [lost] }, text });
    });
  });
}

const sum = (all: readonly Outcome[]): Outcome => ({
  passed: all.reduce((total, { passed }) => total + passed, 0),
  skipped: all.reduce((total, { skipped }) => total + skipped, 0),
  failures: all.flatMap(({ failures }) => failures),
});

/** The output of the first lane is shown while it runs, that of the others when all have ended. */
async function runInLanes(): Promise<Outcome> {
  // Suites that find it out of date build it: two at a time would be in each other's way.
  await import('./build.ts');
  const alone = files.filter((file) => ALONE.test(file));
  const others = files.filter((file) => !ALONE.test(file));
  const lanes = [others.filter((file) => FIRST_LANE.test(file)), others.filter((file) => !FIRST_LANE.test(file))];
  const ended = await Promise.all(lanes.map((lane, index) => runInChild(lane, index === 0)));
  for (const { text } of ended) process.stdout.write(text);
  const { outcome } = await runInChild(alone, true);
  return sum([...ended.map((one) => one.outcome), outcome]);
}

// A lane ends with the process that waits for it, however that ends.
process.on('disconnect', () => process.exit(1));
// Listening for that must not keep it alive: the runner ends when nothing else goes on.
process.channel?.unref();
const outcome = args.length === 0 ? await runInLanes() : await runHere(files);
const { passed, skipped, failures } = outcome;
// Said again at the end: thousands of lines may stand between a failure and here, and a log may keep its end alone.
for (const failure of failures) console.log(`✖ ${failure}`);
console.log(`\n${passed} passed, ${failures.length} failed, ${skipped} skipped`);
process.send?.(outcome);
// The shared control plane ends with this process.
process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
