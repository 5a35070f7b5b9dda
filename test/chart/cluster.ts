// A cluster to install the chart on: real controllers for Deployments, pods as processes, real Helm, the AWS stand-in.

import { after, before } from 'node:test';
import { GROUP } from '../../src/api/names.ts';
import { adminOf, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { makeServiceEgress, type ServiceProxy, startServiceProxy } from '../../testing/network/service-proxy.ts';
import { GOOD_KEY } from '../../testing/operator/world.ts';
import { CHART } from '../../testing/tools/helm/chart.ts';
import type { HelmMajor } from '../../testing/tools/helm/find-helm.ts';
import { createHelm, type Helm } from '../../testing/tools/helm/helm.ts';
import { ensureBundle } from '../process/bundle.ts';
import { NODE_NAME, type Pods, runPods } from './pods.ts';

/** The one of the documentation. */
export const NAMESPACE = 'kube-ecr-secrets-operator-system';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export interface Cluster {
  readonly plane: ControlPlane;
  readonly api: TestApi;
  readonly aws: AwsStandIn;
  readonly pods: Pods;
  /** The way of the API server's calls to Services. */
  readonly services: ServiceProxy;
  helm(major: HelmMajor): Promise<Helm>;
  /**
   * Arguments of `helm install` and `helm upgrade` behind the release's name: our chart, ready or failed, on free
   * ports.
   */
  readonly here: readonly string[];
  /** Takes away the CRDs, and with them every object of ours. */
  removeCrds(): Promise<void>;
  /** An object as it is now; undefined when there is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as ApiReply.body
  find(path: string): Promise<any>;
}

let shared: Promise<ControlPlane> | undefined;
const egress = makeServiceEgress();

/** Registers the hooks of a suite; one control plane serves all of them. */
export function useCluster(): Cluster {
  const parts: { plane?: ControlPlane; api?: TestApi; aws?: AwsStandIn; pods?: Pods; services?: ServiceProxy } = {};
  let here: readonly string[] = [];
  const need = <Part>(part: Part | undefined): Part => {
    if (part === undefined) throw new Error('the cluster is not there before the suite runs');
    return part;
  };

  before(async () => {
    ensureBundle();
    shared ??= startControlPlane({
      controllerManager: true,
      moreControllers: [
        'deployment-controller',
        'replicaset-controller',
        'validatingadmissionpolicy-status-controller',
        ...egress.controllers,
      ],
      apiServerFlags: egress.apiServerFlags,
    });
    const plane = await shared;
    const api = adminOf(plane);
    const aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
    // Our pod fits the strictest of the Pod Security Standards.
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await api.send('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE, labels } });
    const pods = runPods({ plane, api, namespace: NAMESPACE, env: { AWS_ENDPOINT_URL_ECR: aws.url } });
    await api.send('POST', '/api/v1/nodes', { metadata: { name: NODE_NAME } });
    const services = await startServiceProxy({ egress, api, loopbackOf: pods.loopbackOf });
    Object.assign(parts, { plane, api, aws, pods, services });
    const named = ['metrics.port', 'probePort', 'webhook.port'];
    const ports = (await Promise.all(named.map(async (name) => `${name}=${await findFreePort()}`))).join(',');
    here = [CHART, '--namespace', NAMESPACE, '--wait', '--timeout', '60s', '--set', ports];
  });
  after(async () => {
    await parts.aws?.stop();
    await parts.pods?.stop();
    await parts.services?.stop();
  });

  return {
    get plane() {
      return need(parts.plane);
    },
    get api() {
      return need(parts.api);
    },
    get aws() {
      return need(parts.aws);
    },
    get pods() {
      return need(parts.pods);
    },
    get services() {
      return need(parts.services);
    },
    get here() {
      return here;
    },
    helm: (major) => createHelm(major, need(parts.plane).kubeconfigPath),
    async removeCrds() {
      const api = need(parts.api);
      const ours = async (): Promise<readonly string[]> => {
        const { items } = await api.must('GET', CRDS);
        return items
          .filter(({ spec }: { spec: { group: string } }) => spec.group === GROUP)
          .map(({ metadata }: { metadata: { name: string } }) => metadata.name);
      };
      for (const name of await ours()) await api.must('DELETE', `${CRDS}/${name}`);
      // The API server deletes every object first, and looks only every five seconds whether they are gone.
      await eventually(async () => ((await ours()).length === 0 ? true : undefined), 60_000);
    },
    async find(path) {
      const { status, body } = await need(parts.api).get(path);
      return status === 200 ? body : undefined;
    },
  };
}
