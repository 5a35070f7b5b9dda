// The real parts of the demo: control plane, AWS stand-in, the built operator.

import { isRecord, recordOf } from '../../src/lib/json.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, createTestApi, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsProcess, startAwsProcess } from '../../testing/aws/process.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { startConnectProxy } from '../../testing/network/connect-proxy.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { createOciRegistry } from '../../testing/registry/oci-registry.ts';
import { type Pulled, pull } from '../../testing/tools/crane/crane.ts';
import { findCrane } from '../../testing/tools/crane/find-crane.ts';
import { show } from './show.ts';

export const KEY = {
  id: 'AKIADEMODEMODEMO0001',
  secret: 'ThisIsADemoSecretKeyOfNoAWSAccount00000/',
  account: '111122223333',
};

/** Of the demo's namespaced objects; the README's examples are in another one, so that both fit into one cluster. */
export const NAMESPACE = 'demo';

/** Name of the webhook's configuration. */
export const WEBHOOK_NAME = 'demo';

export interface Stage {
  readonly api: TestApi;
  readonly plane: ControlPlane;
  readonly aws: AwsProcess;
  readonly registry: Registry;
  /** Where the operator serves its webhook. */
  readonly webhookPort: number;
  startOperator(): Promise<OperatorProcess>;
  stop(): Promise<void>;
}

/** A registry that opens to tokens of the stand-in, as ECR does, and is reached under ECR's own host names. */
export interface Registry {
  /** What is pulled. */
  readonly image: string;
  pull(dockerConfig: string): Promise<Pulled>;
  stop(): Promise<void>;
}

async function startRegistry(aws: AwsProcess): Promise<Registry> {
  const registry = createOciRegistry({
    async opens(host, _username, password) {
      const { owner } = recordOf(await aws.control('POST', 'tokens', { password }));
      if (!isRecord(owner)) return undefined;
      const isHis = host === `${String(owner['accountId'])}.dkr.ecr.${String(owner['region'])}.amazonaws.com`;
      return isHis ? Number(owner['expiresAt']) - Date.now() : undefined;
    },
  });
  const authority = makeAuthority();
  const proxy = await startConnectProxy({ authority, serve: (_host, socket) => registry.accept(socket) });
  const image = `${KEY.account}.dkr.ecr.eu-west-1.amazonaws.com/${registry.repository}:${registry.tag}`;
  await findCrane();
  return {
    image,
    pull: (dockerConfig) =>
      pull({ image, file: 'hello', dockerConfig, proxyUrl: proxy.url, certificateAuthority: authority.certificate }),
    stop: () => proxy.stop(),
  };
}

export async function setStage(): Promise<Stage> {
  show.note('a real kube-apiserver, etcd and kube-controller-manager');
  const plane = await startControlPlane({
    controllerManager: true,
    async prepare(address) {
      const api = createTestApi(address);
      await installCrds(api);
      // Where it keeps the authority of its webhook.
      await api.must('POST', '/api/v1/namespaces', { metadata: { name: 'kube-ecr-secrets-operator-system' } });
    },
  });
  show.note('a stand-in for AWS that verifies every signature');
  const aws = await startAwsProcess(KEY);
  show.note('a registry that opens to its tokens, and crane to pull from it');
  const registry = await startRegistry(aws);
  const webhookPort = await findFreePort();
  const env = {
    ECR_OPERATOR_WEBHOOK_BIND_ADDRESS: `127.0.0.1:${webhookPort}`,
    ECR_OPERATOR_WEBHOOK_CONFIGURATION_NAME: WEBHOOK_NAME,
    ECR_OPERATOR_WEBHOOK_DNS_NAMES: '127.0.0.1',
    ECR_OPERATOR_ATTACH_TO_SERVICE_ACCOUNTS: 'true',
  };
  let operator: OperatorProcess | undefined;
  return {
    api: adminOf(plane),
    plane,
    aws,
    registry,
    webhookPort,
    async startOperator() {
      operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'kubeconfig', env });
      await operator.ready();
      return operator;
    },
    async stop() {
      await operator?.end();
      await registry.stop();
      await aws.stop();
      await plane.stop();
    },
  };
}
