// Runs the tests in node's own runner and ends with one line of counts.
//   node scripts/test.ts              everything but the two below
//   node scripts/test.ts FILE...      these files
//   node scripts/test.ts live         the tests against AWS itself
//   node scripts/test.ts alerts       the alerts, by promtool

import { globSync } from 'node:fs';
import { run } from 'node:test';
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
/** One process: no start-up cost a file, and one control plane for all suites that use it. */
const TOGETHER = ['src', 'testing', 'scripts', 'test', 'bench'].map((folder) => `${folder}/**/*.test.ts`);
const TIMEOUT_MS = 20 * 60 * 1_000;

const LIVE_VARIABLES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION'];

function chosen(args: readonly string[]): readonly string[] {
  if (args[0] === 'alerts') return globSync(ALERTS);
  if (args[0] !== 'live') return (args.length > 0 ? [...args] : globSync(TOGETHER, { exclude: [LIVE, ALERTS] })).sort();
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

const counts = { passed: 0, failed: 0, skipped: 0 };
const stream = run({ files: [...files], isolation: 'none', concurrency: false, timeout: TIMEOUT_MS });
stream.on('test:pass', ({ details, skip }) => {
  if (details.type === 'suite') return;
  if (skip === undefined) counts.passed += 1;
  else counts.skipped += 1;
});
stream.on('test:fail', ({ details }) => {
  // A suite fails with its tests, which are counted; by itself only when one of its hooks does.
  if (details.type === 'suite' && Reflect.get(details.error, 'failureType') === 'subtestsFailed') return;
  counts.failed += 1;
});
stream.on('end', () => {
  const { passed, failed, skipped } = counts;
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  const ok = failed === 0 && passed > 0;
  // The shared control plane ends with this process.
  process.exit(ok ? 0 : 1);
});
stream.compose(spec).pipe(process.stdout);
