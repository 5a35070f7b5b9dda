// The environment of a suite: a real API server with the operator's CRDs, the AWS stand-in, and operators on demand.
// They run with exactly the chart's rights, under its policies; a suite fails if one of them was refused.

import { after, before } from 'node:test';
import { GROUP, LEGACY_VERSION, MANAGED_BY_LABEL, OPERATOR_NAME, VERSION } from '../../src/api/names.ts';
import type { PullSecretStatus } from '../../src/api/schema.ts';
import type { ApiServerAccess } from '../../src/kube/access.ts';
import { createLogger } from '../../src/lib/log.ts';
import { createMetrics, type Metrics } from '../../src/lib/metrics.ts';
import { type Clock, systemClock, systemRandom } from '../../src/lib/time.ts';
import { networkPorts, type PortsOptions } from '../../src/operator/ports.ts';
import { type Operator, type OperatorOptions, startOperator } from '../../src/operator/run.ts';
import { type AuditEntry, type AuditLog, createAuditLog } from '../api-server/audit-log.ts';
import { installCrds } from '../api-server/install-crds.ts';
import { adminOf, createTestApi, eventually, type TestApi } from '../api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../control-plane/control-plane.ts';
import { createCanaries } from '../leaks/canaries.ts';
import { addKeysOfUsers, findLeaks, placesIn } from '../leaks/canary-search.ts';
import {
  installOperatorAccount,
  OPERATOR_NAMESPACE,
  OPERATOR_USER,
  POLICY_REFUSAL,
  SCOPED_USER,
} from './operator-account.ts';
import { accessTo } from './plane-access.ts';

export const NAMESPACED_PATH = (namespace: string, name = ''): string =>
  `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/awsecrimagepullsecrets${name && `/${name}`}`;
export const CLUSTER_PATH = (name = ''): string =>
  `/apis/${GROUP}/${VERSION}/clusterawsecrimagepullsecrets${name && `/${name}`}`;
export const LEGACY_PATH = (name = ''): string =>
  `/apis/${GROUP}/${LEGACY_VERSION}/awsecrcredentials${name && `/${name}`}`;
export const SECRET_PATH = (namespace: string, name = ''): string =>
  `/api/v1/namespaces/${namespace}/secrets${name && `/${name}`}`;

/** A key that the stand-in knows in every suite. */
export const GOOD_KEY = {
  accessKeyId: 'AKIATESTGOODKEY00001',
  secretAccessKey: 'ThisIsNotAnAWSSecretKeyButHasItsShape0+/',
  accountId: '111122223333',
};

export interface RunningOperator {
  readonly operator: Operator;
  readonly metrics: Metrics;
  /** Sum of a metric's series that have these labels. */
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number>;
  /** Waits until no key is being reconciled, or ready to be. */
  readonly idle: () => Promise<void>;
  /** Everything it logged. */
  readonly output: () => string;
  /** Mutating requests, as counted by the API server's answers. */
  mutations(): Promise<number>;
  stop(): Promise<void>;
}

/** The parts of an operator's environment that differ from the default of every suite. */
export type OperatorSurroundings = Partial<
  Pick<OperatorOptions, 'webhook' | 'objectsPerNamespace' | 'scope' | 'election' | 'attaches'> &
    Pick<PortsOptions, 'env' | 'certificateAuthorities' | 'useAmbient'>
>;

/** What an operator of a suite is started with. */
interface OperatorStart extends OperatorSurroundings {
  /** By default the real one. */
  readonly clock?: Clock | undefined;
  /** By default straight to the API server, with no proxy in between. */
  readonly access?: ApiServerAccess;
}

export interface World {
  readonly api: TestApi;
  readonly aws: AwsStandIn;
  readonly plane: ControlPlane;
  /** Of the operator's ServiceAccount. */
  readonly token: string;
  /** The requests of this suite's operators to the API server. */
  audit(): readonly AuditEntry[];
  startOperator(start?: OperatorStart): Promise<RunningOperator>;
  /** At its end the suite searches this text too for keys and tokens, besides all output of the operators. */
  alsoSearch(name: string, read: () => string): void;
  /** The object's status once `holds` returns true for it. */
  status(path: string, holds: (status: PullSecretStatus) => boolean, within?: number): Promise<PullSecretStatus>;
  ready(path: string, within?: number): Promise<PullSecretStatus>;
}

/** Of the operators here; requests that tests send as the same ServiceAccount have none. */
const USER_AGENT = 'kube-ecr-secrets-operator/test';

/** A control plane whose operators have the rights of the chart. */
interface SharedPlane {
  readonly plane: ControlPlane;
  /** Of the operator's ServiceAccount. */
  readonly token: string;
  /** The requests of that account. */
  readonly audit: AuditLog;
}

/** One control plane serves every suite of a process; it ends with the process. */
let shared: Promise<SharedPlane> | undefined;

async function sharedControlPlane(): Promise<SharedPlane> {
  shared ??= (async () => {
    const audit = createAuditLog(OPERATOR_USER, SCOPED_USER);
    let token = '';
    const plane = await startControlPlane({
      controllerManager: true,
      apiServerFlags: audit.flags,
      async prepare(address) {
        const api = createTestApi(address);
        await installCrds(api);
        token = await installOperatorAccount(api);
      },
    });
    return { plane, token, audit };
  })();
  return await shared;
}

/**
 * Registers the hooks of a suite; call it inside `describe`.
 *
 * @param reaches  how operators reach the stand-in: by its address, or under AWS's own names (aws-by-name.ts)
 * @returns the world, for use in hooks and tests, not while the suite is being described
 */
export function useWorld(reaches: 'by address' | 'by name' = 'by address'): World {
  const setsEndpoint = reaches === 'by address';
  let plane: ControlPlane | undefined;
  let api: TestApi | undefined;
  let token = '';
  let audited: () => readonly AuditEntry[] = () => [];
  let aws: AwsStandIn | undefined;
  const running = new Set<RunningOperator>();
  const canaries = createCanaries();
  const outputs: (readonly [name: string, read: () => string | Promise<string>])[] = [];

  before(async () => {
    const { audit, ...here } = await sharedControlPlane();
    ({ plane, token } = here);
    const begin = audit.size();
    audited = () => audit.entries(begin).filter(({ userAgent }) => userAgent === USER_AGENT);
    api = adminOf(plane);
    // Of a ServiceAccount's token only the signature is secret: its claims are names, which certificates contain too.
    for (const bearer of [plane.adminToken, token]) canaries.add('bearer', bearer.split('.').at(-1) ?? bearer);
    aws = await startAwsStandIn({ accounts: [GOOD_KEY], onSecret: (sort, secret) => canaries.add(sort, secret) });
    if (setsEndpoint) process.env['AWS_ENDPOINT_URL_ECR'] = aws.url;
  });
  after(async () => {
    for (const operator of running) await operator.stop();
    const leaks = api ? await searchAll(api) : [];
    if (api) await removeObjects(api);
    await aws?.stop();
    if (setsEndpoint) delete process.env['AWS_ENDPOINT_URL_ECR'];
    if (leaks.length > 0) throw new Error(`secrets have leaked:\n${leaks.join('\n')}`);
    const refused = audited().filter(({ isForbidden, message }) => isForbidden || message.includes(POLICY_REFUSAL));
    const lines = refused.map(({ verb, resource, namespace, name }) => `${verb} ${resource} ${namespace}/${name}`);
    if (lines.length > 0) throw new Error(`the chart does not let the operator do what it did:\n${lines.join('\n')}`);
  });

  /** Every suite ends with it: nothing that the operators wrote holds a key or a token. */
  const searchAll = async (from: TestApi): Promise<readonly string[]> => {
    await addKeysOfUsers(canaries, from);
    const texts = outputs.map(async ([name, read]) => ({ name, text: await read() }));
    return findLeaks(canaries, [...(await Promise.all(texts)), ...(await placesIn(from))]);
  };

  const need = <Part>(part: Part | undefined): Part => {
    if (part === undefined) throw new Error('the world is not there before the suite runs');
    return part;
  };
  const status: World['status'] = async (path, holds, within) => {
    let last: PullSecretStatus | undefined;
    try {
      return await eventually(async () => {
        const { status: found } = await need(api).must('GET', path);
        last = found;
        return found && holds(found) ? (found as PullSecretStatus) : undefined;
      }, within);
    } catch (cause) {
      throw new Error(`${path}: the status did not become as expected: ${JSON.stringify(last, undefined, 1)}`, {
        cause,
      });
    }
  };

  return {
    get api() {
      return need(api);
    },
    get aws() {
      return need(aws);
    },
    get plane() {
      return need(plane);
    },
    get token() {
      return token;
    },
    audit: () => audited(),
    alsoSearch: (name, read) => void outputs.push([name, read]),
    status,
    ready: (path, within) => status(path, (found) => conditionOf(found, 'Ready')?.status === 'True', within),
    async startOperator({ clock = systemClock, access = accessTo(need(plane), token), ...over } = {}) {
      const started = await startInProcess(access, clock, over);
      running.add(started);
      outputs.push(['the log of an operator', started.output]);
      outputs.push(['the metrics of an operator', async () => (await started.metrics.text()).body]);
      return { ...started, stop: () => started.stop().then(() => void running.delete(started)) };
    },
  };
}

/** One condition of a status. */
export function conditionOf(
  status: PullSecretStatus,
  type: string,
): NonNullable<PullSecretStatus['conditions']>[number] | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

/** Starts an operator in this process; only the caller stops it. */
export async function startInProcess(
  access: ApiServerAccess,
  clock: Clock,
  { env = process.env, certificateAuthorities = [], useAmbient = true, ...over }: OperatorSurroundings = {},
): Promise<RunningOperator> {
  const openPorts = networkPorts({ access, clock, userAgent: USER_AGENT, env, certificateAuthorities, useAmbient });
  const lines: string[] = [];
  const metrics = createMetrics();
  const stopping = new AbortController();
  const operator = await startOperator(
    {
      access,
      openPorts,
      metricsAddress: { host: '127.0.0.1', port: 0 },
      probeAddress: { host: '127.0.0.1', port: 0 },
      namespace: OPERATOR_NAMESPACE,
      instance: 'test',
      renewalsPerSecond: 50,
      awsAuthorities: undefined,
      convertsLegacy: true,
      attaches: false,
      scope: undefined,
      perObjectMetrics: 1_000,
      objectsPerNamespace: 500,
      webhook: undefined,
      election: undefined,
      ...over,
      clock,
      random: systemRandom,
      log: createLogger({ level: 'debug', format: 'json', write: (line) => void lines.push(line), clock: systemClock }),
      metrics,
    },
    stopping.signal,
  );
  await operator.ready;
  const metric: RunningOperator['metric'] = async (name, wanted = {}) => {
    const samples = await metrics.read(name);
    return samples
      .filter(({ labels }) => Object.entries(wanted).every(([label, value]) => labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  };
  return {
    operator,
    metrics,
    metric,
    async idle() {
      // In this order, so that a key that moves from one to the other is counted.
      await eventually(async () =>
        (await metric('workqueue_depth')) + (await metric('controller_runtime_active_workers')) === 0
          ? true
          : undefined,
      );
    },
    output: () => lines.join(''),
    async mutations() {
      const requests = 'rest_client_requests_total';
      return (await metric(requests)) - (await metric(requests, { method: 'GET' }));
    },
    async stop() {
      stopping.abort();
      await operator.done;
    },
  };
}

/** Deletes every object and every pull Secret, so that the next suite begins with none. */
async function removeObjects(api: TestApi): Promise<void> {
  await api.must('DELETE', CLUSTER_PATH());
  const { items: namespaced } = await api.must('GET', `/apis/${GROUP}/${VERSION}/awsecrimagepullsecrets`);
  for (const { metadata } of namespaced) await api.send('DELETE', NAMESPACED_PATH(metadata.namespace, metadata.name));
  const { items: secrets } = await api.must(
    'GET',
    `/api/v1/secrets?labelSelector=${MANAGED_BY_LABEL}%3D${OPERATOR_NAME}`,
  );
  for (const { metadata } of secrets) await api.send('DELETE', SECRET_PATH(metadata.namespace, metadata.name));
}
