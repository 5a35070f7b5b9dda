// A cluster of one node in the namespaces of this process (scripts/e2e.ts made them), with everything that is outside
// of it, for the stories of test/e2e. One for all suites of a process; it ends with process 1.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { installCrds } from '../api-server/install-crds.ts';
import { adminOf, createTestApi, type TestApi } from '../api-server/test-api.ts';
import { type ControlPlane, startControlPlane } from '../control-plane/control-plane.ts';
import { createReport, type Report } from '../control-plane/progress.ts';
import { type Authority, makeAuthority } from '../network/self-signed.ts';
import { GOOD_KEY } from '../operator/world.ts';
import type { Image } from '../registry/oci-image.ts';
import { createHelm, type Helm } from '../tools/helm/helm.ts';
import { makeOperatorImage, makeWaitingImage } from './images.ts';
import { NODE_NAME, PAUSE_IMAGE, startNode } from './node.ts';
import { type Outside, startOutside } from './outside.ts';
import { findNodePrograms, type NodePrograms } from './programs.ts';

/** Of scripts/e2e.ts, for what runs inside. */
export interface Inside {
  readonly state: string;
  readonly cgroup: string;
  readonly address: string;
  /** Folder of the built operator. */
  readonly built: string;
  /** Of the operator's image, in place of one that is made of the bundle. */
  readonly archive?: string;
}

/** Undefined: this process is not inside of the namespaces of a node. */
export function insideOf(env: NodeJS.ProcessEnv = process.env): Inside | undefined {
  const text = env['E2E_INSIDE'];
  return text === undefined ? undefined : (JSON.parse(text) as Inside);
}

export interface Cluster extends Outside {
  readonly api: TestApi;
  readonly plane: ControlPlane;
  readonly helm: Helm;
  readonly inside: Inside;
  /** PEM: trusted for AWS. */
  readonly authority: string;
}

/** Regions whose registries the node knows; tests let tokens of the second live short. */
export const REGIONS = ['eu-west-1', 'us-east-1'] as const;

export function registryOf(region: (typeof REGIONS)[number]): string {
  return `${GOOD_KEY.accountId}.dkr.ecr.${region}.amazonaws.com`;
}

/** The image that the chart names. */
const OPERATOR_IMAGE = 'ghcr.io/zak905/kube-ecr-secrets-operator';
/** The ClusterIP of the Service `kubernetes`. */
const SERVICE_ADDRESS = '10.0.0.1';
const CONTROLLERS = [
  'deployment-controller',
  'replicaset-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'disruption-controller',
  'node-lifecycle-controller',
  'taint-eviction-controller',
  'root-ca-certificate-publisher-controller',
  'pod-garbage-collector-controller',
  'validatingadmissionpolicy-status-controller',
];

let shared: Promise<Cluster> | undefined;

/** @param version  of the chart, which names the tag of the operator's image */
export function sharedCluster(inside: Inside, version: string): Promise<Cluster> {
  shared ??= startCluster(inside, version);
  return shared;
}

/** Ends what would keep this process alive; the node ends with process 1. */
export async function stopSharedCluster(): Promise<void> {
  const cluster = await shared?.catch(() => undefined);
  await cluster?.stop();
  await cluster?.plane.stop();
}

async function startCluster(inside: Inside, version: string): Promise<Cluster> {
  const { state, address } = inside;
  const report = createReport(process.stderr);
  const programs = await findNodePrograms(report);
  const authority = makeAuthority();
  const waiting = makeWaitingImage(programs.folder);
  const outside = await startOutside({ authority, keys: [GOOD_KEY], address, state, image: waiting });
  try {
    return await startInside(inside, { programs, authority, waiting, outside, report, version });
  } catch (thrown) {
    // It would keep this process alive.
    await outside.stop();
    throw thrown;
  }
}

interface Parts {
  readonly programs: NodePrograms;
  readonly authority: Authority;
  readonly waiting: Image;
  readonly outside: Outside;
  readonly report: Report;
  readonly version: string;
}

async function startInside(
  inside: Inside,
  { programs, authority, waiting, outside, report, version }: Parts,
): Promise<Cluster> {
  const { state, address, cgroup, built, archive } = inside;
  const { certificate, key } = authority.issue('127.0.0.1', address, SERVICE_ADDRESS);
  const token = randomBytes(24).toString('base64url');
  const plane = await startControlPlane({
    report,
    controllerManager: true,
    moreControllers: CONTROLLERS,
    keepDataIn: join(state, 'plane'),
    node: { name: NODE_NAME, address, token, certificate: { certificate: certificate + authority.certificate, key } },
    prepare: (at) => installCrds(createTestApi(at)),
  });
  const images = new Map([[PAUSE_IMAGE, waiting]]);
  const name = `${OPERATOR_IMAGE}:${version}`;
  if (archive === undefined) images.set(name, makeOperatorImage(built));
  const given = archive === undefined ? {} : { given: { archive, name } };
  await startNode({ plane, programs, address, token, cgroup, state, images, report, ...given });
  const helm = await createHelm(4, plane.kubeconfigPath);
  return { ...outside, api: adminOf(plane), plane, helm, inside, authority: authority.certificate };
}
