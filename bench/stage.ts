// What the parts of the bench share: a control plane, the stand-in, a bare client, and the operator of the moment.

import type { AwsProcess } from '../testing/aws/process.ts';
import type { ControlPlane } from '../testing/control-plane/control-plane.ts';
import { type OperatorProcess, startOperatorProcess } from '../testing/operator/operator-process.ts';
import type { BareClient } from './bare-client.ts';

export interface Bench {
  readonly plane: ControlPlane;
  readonly aws: AwsProcess;
  readonly client: BareClient;
  operator: OperatorProcess;
}

export async function startOperator({ plane, aws }: Pick<Bench, 'plane' | 'aws'>): Promise<OperatorProcess> {
  const operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod' });
  await operator.ready();
  return operator;
}

export async function restart(bench: Bench): Promise<void> {
  await bench.operator.end();
  await bench.aws.control('DELETE', 'requests');
  bench.operator = await startOperator(bench);
}
