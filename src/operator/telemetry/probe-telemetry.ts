// What registries answered to the operator's own questions.

import { REASON } from '../../api/names.ts';
import type { ProbeAnswer } from '../../core/probe.ts';
import { PULL_VERDICTS, pullVerdict } from '../../core/pull-verdict.ts';
import type { Metrics } from '../../lib/metrics.ts';
import { METRIC } from './metric-catalogue.ts';

/** Takes each answer. */
export function createProbeTelemetry(metrics: Metrics): (answer: ProbeAnswer) => void {
  const answered = metrics.counter(
    METRIC.pullProbes,
    [...PULL_VERDICTS, REASON.registryUnreachable].map((answer) => ({ answer })),
  );
  return (answer) => {
    if (answer.op === 'answered') answered({ answer: pullVerdict(answer.words).reason });
    if (answer.op === 'unreachable') answered({ answer: REASON.registryUnreachable });
  };
}
