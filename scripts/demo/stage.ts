// The real parts of the demo: control plane, AWS stand-in, the built operator.

import { type AwsProcess, startAwsProcess } from '../../src/testing/aws-process.ts';
import { type ControlPlane, startControlPlane } from '../../src/testing/control-plane/control-plane.ts';
import { installCrds } from '../../src/testing/install-crds.ts';
import { type OperatorProcess, startOperatorProcess } from '../../src/testing/operator-process.ts';
import { createTestApi, type TestApi } from '../../src/testing/test-api.ts';
import { show } from './show.ts';

export const KEY = {
  id: 'AKIADEMODEMODEMO0001',
  secret: 'ThisIsADemoSecretKeyOfNoAWSAccount00000/',
  account: '111122223333',
};

export interface Stage {
  readonly api: TestApi;
  readonly plane: ControlPlane;
  readonly aws: AwsProcess;
  startOperator(): Promise<OperatorProcess>;
  stop(): Promise<void>;
}

export async function setStage(): Promise<Stage> {
  show.note('a real kube-apiserver, etcd and kube-controller-manager');
  const plane = await startControlPlane({
    controllerManager: true,
    prepare: (address) => installCrds(createTestApi(address)),
  });
  show.note('a stand-in for AWS that verifies every signature');
  const aws = await startAwsProcess(KEY);
  let operator: OperatorProcess | undefined;
  return {
    api: createTestApi({ url: plane.url, certificateAuthority: plane.certificateAuthority, token: plane.adminToken }),
    plane,
    aws,
    async startOperator() {
      operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'kubeconfig' });
      await operator.ready();
      return operator;
    },
    async stop() {
      await operator?.end();
      await aws.stop();
      await plane.stop();
    },
  };
}
