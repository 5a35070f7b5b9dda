// The command `run`: from configuration to a running operator, and from a signal to a clean exit.

import { randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { DEFAULT_NAMESPACE, OPERATOR_NAME } from '../api/names.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { createMetrics, type Metrics } from '../lib/metrics.ts';
import { systemClock, systemRandom } from '../lib/time.ts';
import { type AwsEnvironment, readAwsEnvironment } from '../operator/aws-environment.ts';
import { networkPorts } from '../operator/ports.ts';
import { type Operator, startOperator } from '../operator/run.ts';
import { METRIC } from '../operator/telemetry/metric-catalogue.ts';
import { accessOf } from './access.ts';
import { type Config, parseRunConfig } from './config.ts';
import { keepSmall } from './engine.ts';
import { createLogOutput } from './log-output.ts';
import { observeProcess } from './process-metrics.ts';
import { stopSignal } from './signals.ts';
import { PROGRAM_VERSION } from './version.ts';

/** A process that has not exited this long after SIGTERM is ended hard; Kubernetes itself waits 30 s. */
const DRAIN_MS = 10_000;

/** @returns the exit code: 0 after a signal, 1 when it could not start or drain, 2 for a bad configuration */
export async function run(args: readonly string[]): Promise<number> {
  keepSmall();
  const parsed = parseRunConfig(args, process.env);
  const useAmbient = parsed.ok && parsed.config.ambientCredentials === 'cluster';
  const read = (file: string): string => readFileSync(file, 'utf8');
  const aws = readAwsEnvironment({ env: process.env, useAmbient, read });
  const mistakes = [...(parsed.ok ? [] : parsed.mistakes), ...aws.mistakes];
  if (!parsed.ok || mistakes.length > 0) {
    for (const mistake of mistakes) process.stderr.write(`${OPERATOR_NAME} run: ${mistake}\n`);
    return 2;
  }
  const { config } = parsed;
  const metrics = createMetrics();
  const log = createLog(config, metrics);
  for (const { level, msg, message } of aws.findings) log[level](msg, { message });
  trustExtra(aws.extraAuthorities);
  process.on('unhandledRejection', (error) => log.error('A promise was rejected that nobody waited for', {}, error));
  process.on('uncaughtException', (error) => {
    log.error('Ended by an unexpected error', {}, error);
    process.exit(1);
  });
  try {
    return await operate({ config, aws, log, metrics }, stopSignal);
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

/**
 * Trusts what the file of NODE_EXTRA_CA_CERTS holds: Node itself reads it up to the first certificate that is broken,
 * or begins in the line in which another one ends.
 */
function trustExtra(authorities: readonly string[]): void {
  if (authorities.length === 0) return;
  const known = new Set(getCACertificates('extra').map((pem) => new X509Certificate(pem).fingerprint256));
  const missing = authorities.filter((pem) => !known.has(new X509Certificate(pem).fingerprint256));
  if (missing.length > 0) setDefaultCACertificates([...getCACertificates(), ...missing]);
}

interface Parts {
  readonly config: Config;
  readonly aws: AwsEnvironment;
  readonly log: Logger;
  readonly metrics: Metrics;
}

async function operate({ config, aws, log, metrics }: Parts, signal: AbortSignal): Promise<number> {
  const access = await accessOf(config);
  const { bundle } = aws;
  const broken = new Map(aws.broken);
  observeProcess(metrics, PROGRAM_VERSION, broken, aws.ambient);
  const openPorts = networkPorts({
    access,
    userAgent: `${OPERATOR_NAME}/${PROGRAM_VERSION}`,
    env: process.env,
    certificateAuthorities: bundle?.usable ?? [],
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
      awsAuthorities: bundle && {
        ...bundle,
        read: () => readFile(bundle.file, 'utf8'),
        onBroken: (count) => broken.set('AWS_CA_BUNDLE', count),
      },
      convertsLegacy: config.convertsLegacy,
      attaches: config.attaches,
      perObjectMetrics: config.perObjectMetrics,
      objectsPerNamespace: config.objectsPerNamespace,
      scope: config.scope,
      webhook: config.webhook,
      election: config.election && { ...config.election, identity: `${hostname()}_${randomUUID()}` },
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
    ambient: aws.ambient ?? 'none',
  });
  return await drain(operator, log, signal);
}

/** Waits until the process is told to stop, and for the work in hand; returns the exit code. */
async function drain(operator: Operator, log: Logger, signal: AbortSignal): Promise<number> {
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
