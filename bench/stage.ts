// What the parts of the bench share: a control plane, the stand-in, a bare client, and the operator of the moment.

import { installCrds } from '../testing/api-server/install-crds.ts';
import { createTestApi } from '../testing/api-server/test-api.ts';
import { type AwsProcess, startAwsProcess } from '../testing/aws/process.ts';
import { type ControlPlane, startControlPlane } from '../testing/control-plane/control-plane.ts';
import { type OperatorProcess, startOperatorProcess } from '../testing/operator/operator-process.ts';
import { type BareClient, createBareClient } from './bare-client.ts';
import { pause } from './measure.ts';
import { createNamespaces, KEY } from './work.ts';

/** Where operators are started. */
export interface Stage {
  readonly plane: ControlPlane;
  readonly aws: AwsProcess;
  readonly client: BareClient;
}

export interface Bench extends Stage {
  operator: OperatorProcess;
}

/** A control plane with the CRDs and these namespaces, and the stand-in with the key of the bench. */
export async function openStage(namespaces: readonly string[]): Promise<Stage> {
  const plane = await startControlPlane({
    controllerManager: true,
    prepare: (address) => installCrds(createTestApi(address)),
  });
  const aws = await startAwsProcess(KEY);
  const client = createBareClient(plane);
  // The API server sleeps 2 s on the first creations after a CRD is established.
  await pause(5_000);
  await createNamespaces(client, namespaces);
  return { plane, aws, client };
}

export async function closeStage({ plane, aws }: Stage): Promise<void> {
  await aws.stop();
  await plane.stop();
}

/** The chart leaves the deprecated kind alone, and so has one watch less. */
const AS_THE_CHART: NodeJS.ProcessEnv = { ECR_OPERATOR_CONVERT_LEGACY: 'false' };

/** @param over  further variables of its environment */
export async function startOperator({ plane, aws }: Stage, over: NodeJS.ProcessEnv = {}): Promise<OperatorProcess> {
  const env = { ...AS_THE_CHART, ...over };
  const operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod', env });
  // It gives up after 20 s; ten thousand objects on a busy machine take longer.
  await operator
    .ready()
    .catch(() => operator.ready())
    .catch(() => {
      throw new Error(`not ready, exit code ${operator.code}: ${operator.output().slice(-2_000)}`);
    });
  return operator;
}

export async function restart(bench: Bench, env: NodeJS.ProcessEnv = {}): Promise<void> {
  await bench.operator.end();
  await bench.aws.control('DELETE', 'requests');
  bench.operator = await startOperator(bench, env);
}
