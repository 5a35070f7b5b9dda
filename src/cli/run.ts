// The command `run`: from configuration to a running operator, and from a signal to a clean exit.

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { OPERATOR_NAME } from '../api/names.ts';
import { Failure } from '../lib/errors.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { createMetrics, type Metrics } from '../lib/metrics.ts';
import { systemClock, systemRandom } from '../lib/time.ts';
import { networkPorts } from '../operator/ports.ts';
import { startOperator } from '../operator/run.ts';
import { METRIC } from '../operator/telemetry/metric-catalogue.ts';
import { accessOf } from './access.ts';
import { type Config, parseRunConfig } from './config.ts';
import { keepSmall } from './engine.ts';
import { createLogOutput } from './log-output.ts';
import { observeProcess } from './process-metrics.ts';
import { stopSignal } from './signals.ts';
import { PROGRAM_VERSION } from './version.ts';

/** The namespace of the documentation, used when nothing names the operator's. */
const DEFAULT_NAMESPACE = 'kube-ecr-secrets-operator-system';
/** A process that has not exited this long after SIGTERM is ended hard; Kubernetes itself waits 30 s. */
const DRAIN_MS = 10_000;

/** @returns the exit code: 0 after a signal, 1 when it could not start or drain, 2 for a bad configuration */
export async function run(args: readonly string[]): Promise<number> {
  keepSmall();
  const parsed = parseRunConfig(args, process.env);
  if (!parsed.ok) {
    for (const mistake of parsed.mistakes) process.stderr.write(`${OPERATOR_NAME} run: ${mistake}\n`);
    return 2;
  }
  const { config } = parsed;
  const metrics = createMetrics();
  const log = createLog(config, metrics);
  process.on('unhandledRejection', (error) => log.error('A promise was rejected that nobody waited for', {}, error));
  process.on('uncaughtException', (error) => {
    log.error('Ended by an unexpected error', {}, error);
    process.exit(1);
  });
  try {
    return await operate(config, log, metrics, stopSignal);
  } catch (error) {
    if (stopSignal.aborted) return 0;
    log.error('Could not start', { reason: error instanceof Error ? error.message : 'unknown' }, error);
    return 1;
  }
}

function createLog({ logLevel: level, logFormat: format }: Config, metrics: Metrics): Logger {
  const countDropped = metrics.counter(METRIC.logDropped, [{ why: 'rate' }, { why: 'output' }]);
  const output = createLogOutput({
    stream: process.stdout,
    clock: systemClock,
    onDropped: (why) => countDropped({ why }),
    tell: (count) => log.warn('Log lines were left out: there were too many, or nobody took them', { count }),
  });
  const log = createLogger({ level, format, write: output.write, clock: systemClock });
  return log;
}

async function operate(config: Config, log: Logger, metrics: Metrics, signal: AbortSignal): Promise<number> {
  const access = await accessOf(config);
  observeProcess(metrics, PROGRAM_VERSION);
  const bundle = process.env['AWS_CA_BUNDLE'];
  const authorities = readAuthorities(bundle);
  const openPorts = networkPorts({
    access,
    userAgent: `${OPERATOR_NAME}/${PROGRAM_VERSION}`,
    env: process.env,
    awsCertificateAuthorities: authorities,
    useAmbient: config.ambientCredentials === 'cluster',
    clock: systemClock,
  });
  const operator = await startOperator(
    {
      access,
      openPorts,
      metricsAddress: config.metricsAddress,
      probeAddress: config.probeAddress,
      namespace: config.namespace ?? access.namespace ?? DEFAULT_NAMESPACE,
      instance: hostname(),
      renewalsPerSecond: config.renewalsPerSecond,
      awsAuthorities:
        bundle && authorities !== undefined ? { text: authorities, read: () => readFile(bundle, 'utf8') } : undefined,
      convertsLegacy: config.convertsLegacy,
      perObjectMetrics: config.perObjectMetrics,
      objectsPerNamespace: config.objectsPerNamespace,
      scope: config.scope,
      webhook: config.webhook,
      clock: systemClock,
      random: systemRandom,
      log,
      metrics,
    },
    signal,
  );
  log.info('Started', {
    version: PROGRAM_VERSION,
    apiServer: access.url.origin,
    metricsPort: operator.metricsPort,
    probePort: operator.probePort,
    webhookPort: operator.webhookPort,
  });
  if (!signal.aborted) {
    const told = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    // A bug may keep it from ever being ready.
    await Promise.race([told, operator.ready.then(() => told)]);
  }
  log.info('Was told to stop', { signal: String(signal.reason) });
  const late = new Promise<'late'>((resolve) =>
    systemClock.after(DRAIN_MS as Parameters<typeof systemClock.after>[0], () => resolve('late')),
  );
  if ((await Promise.race([operator.done, late])) === 'late') {
    log.error('Work in hand did not end in time');
    return 1;
  }
  log.info('Stopped');
  return 0;
}

/** @throws Failure when the named file cannot be read, or holds no certificate */
function readAuthorities(path: string | undefined): string | undefined {
  if (!path) return undefined;
  const broken = (cause?: unknown): Failure =>
    new Failure({
      next: 'stop',
      reason: 'BadCABundle',
      message: `AWS_CA_BUNDLE: ${path} cannot be read, or holds no certificate in PEM form`,
      cause,
    });
  try {
    const text = readFileSync(path, 'utf8');
    if (!text.includes('-----BEGIN')) throw broken();
    return text;
  } catch (thrown) {
    throw thrown instanceof Failure ? thrown : broken(thrown);
  }
}
