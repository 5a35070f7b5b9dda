// The objects that the bench creates, by the operator's doing and by the floor's.

import { API_VERSION, GROUP, VERSION } from '../src/api/names.ts';
import type { AwsProcess } from '../testing/aws/process.ts';
import type { BareClient, WatchedObject } from './bare-client.ts';

export const KEY = {
  id: 'AKIABENCHBENCHBENCH1',
  secret: 'ThisIsABenchSecretKeyOfNoAWSAccount0000/',
  account: '111122223333',
};
/** Objects, and namespaces, of the usual rows. */
export const COUNT = 300;
export const ACCESS = { region: 'eu-west-1', accessKeyId: KEY.id, secretAccessKey: KEY.secret };

export const OBJECTS = `/apis/${GROUP}/${VERSION}/awsecrimagepullsecrets`;
export const CLUSTER_OBJECTS = `/apis/${GROUP}/${VERSION}/clusterawsecrimagepullsecrets`;
const inNamespace = (namespace: string): string =>
  `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/awsecrimagepullsecrets`;
const secretsOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/secrets`;

/** About as long as a real login: 2,400 characters of password. */
function contentOf(registries: number): string {
  const login = { username: 'AWS', password: 'p'.repeat(2_400), auth: 'a'.repeat(3_200) };
  const auths = Object.fromEntries(Array.from({ length: registries }, (_, at) => [`${at}.example.com`, login]));
  return Buffer.from(JSON.stringify({ auths })).toString('base64');
}
export const CONTENT = contentOf(1);

export function numbered(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(4, '0')}`);
}

export function createNamespaces(client: BareClient, names: readonly string[], labels = {}): Promise<void> {
  return client.each(names, (name) =>
    client.send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }),
  );
}

export function createObject(
  client: BareClient,
  namespace: string,
  name: string,
  access: { readonly accessKeyId?: string; readonly regions?: readonly string[] } = {},
): Promise<unknown> {
  const { accessKeyId = ACCESS.accessKeyId, regions: [region = ACCESS.region, ...further] = [] } = access;
  return client.send('POST', inNamespace(namespace), {
    apiVersion: API_VERSION,
    kind: 'AWSECRImagePullSecret',
    metadata: { name },
    spec: {
      awsAccess: { ...ACCESS, region, accessKeyId },
      secretName: `login-${name}`,
      ...(further.length === 0 ? {} : { registries: { regions: further } }),
    },
  });
}

export const REGIONS = ['eu-west-1', 'eu-central-1', 'us-east-1'] as const;

/** Makes pairs of keys known to the stand-in. @returns their ids */
export async function addKeys({ control }: Pick<AwsProcess, 'control'>, count: number): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, at) => `AKIAMANYKEYS${String(at).padStart(8, '0')}`);
  for (const accessKeyId of ids)
    await control('POST', 'keys', { accessKeyId, secretAccessKey: KEY.secret, accountId: KEY.account });
  return ids;
}

/** An object in each namespace, with a key of its own, and a login in each of the regions. */
export function createRegionsObjects(
  client: BareClient,
  namespaces: readonly string[],
  keys: readonly string[],
  round: string,
): Promise<void> {
  return client.each(namespaces, (name) => {
    const accessKeyId = keys[namespaces.indexOf(name)] ?? '';
    return createObject(client, name, `${name}-r-${round}`, { accessKeyId, regions: REGIONS });
  });
}

export function createClusterObject(client: BareClient, name: string, namespaces: readonly string[]): Promise<unknown> {
  return client.send('POST', CLUSTER_OBJECTS, {
    apiVersion: API_VERSION,
    kind: 'ClusterAWSECRImagePullSecret',
    metadata: { name },
    spec: { awsAccess: ACCESS, secretName: `login-${name}`, namespaces },
  });
}

/**
 * What the operator writes for one object: the Secret, the status, an Event.
 *
 * @param registries  of which the Secret has logins
 */
export async function writeBare(client: BareClient, namespace: string, name: string, registries = 1): Promise<void> {
  await createObject(client, namespace, name);
  await createBareSecret(client, namespace, `login-${name}`, registries === 1 ? CONTENT : contentOf(registries));
  await client.send('PATCH', `${inNamespace(namespace)}/${name}/status`, { status: bareStatus() });
  await createBareEvent(client, namespace, name);
}

export async function writeBareCluster(client: BareClient, name: string, namespaces: readonly string[]): Promise<void> {
  await createClusterObject(client, name, namespaces);
  await client.each(namespaces, (namespace) => createBareSecret(client, namespace, `login-${name}`));
  await client.send('PATCH', `${CLUSTER_OBJECTS}/${name}/status`, { status: bareStatus() });
  await createBareEvent(client, 'default', name);
}

function createBareSecret(client: BareClient, namespace: string, name: string, content = CONTENT): Promise<unknown> {
  const metadata = { name, labels: { bench: 'floor' }, annotations: { expiry: new Date().toISOString() } };
  return client.send('POST', secretsOf(namespace), {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/dockerconfigjson',
    metadata,
    data: { '.dockerconfigjson': content },
  });
}

function bareStatus(): object {
  const condition = {
    type: 'Ready',
    status: 'True',
    reason: 'SecretsUpdated',
    message: 'x'.repeat(200),
    lastTransitionTime: new Date().toISOString(),
  };
  return { observedGeneration: 1, conditions: [condition] };
}

function createBareEvent(client: BareClient, namespace: string, name: string): Promise<unknown> {
  return client.send('POST', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: `${name}.${Math.random().toString(16).slice(2)}` },
    eventTime: new Date().toISOString().replace('Z', '000Z'),
    reportingController: 'floor',
    reportingInstance: 'floor',
    type: 'Normal',
    reason: 'SecretCreationSuccess',
    action: 'Create',
    note: 'x'.repeat(80),
    regarding: {
      kind: 'AWSECRImagePullSecret',
      apiVersion: API_VERSION,
      namespace: namespace === 'default' ? undefined : namespace,
      name,
    },
  });
}

/**
 * Waits until a watch of `path` has shown `count` objects with Ready true; give the work to do once the watch is open.
 *
 * @returns when each of them was, in milliseconds
 */
export async function untilReady(
  client: BareClient,
  path: string,
  count: number,
  work: () => Promise<unknown>,
): Promise<readonly number[]> {
  const ready = new Map<string, number>();
  const begun = performance.now();
  const all = Promise.withResolvers<void>();
  const stop = client.watch(path, ({ metadata, status }: WatchedObject) => {
    const isReady = status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
    const key = `${metadata.namespace ?? ''}/${metadata.name}`;
    if (isReady && !ready.has(key)) ready.set(key, performance.now() - begun);
    if (ready.size >= count) all.resolve();
  });
  await work();
  await all.promise;
  stop();
  return [...ready.values()];
}

/** Deletes every object of ours and every Secret that the bench or the operator made, and waits until they are gone. */
export async function cleanUp(client: BareClient): Promise<void> {
  await client.send('DELETE', CLUSTER_OBJECTS);
  const { items } = (await client.send('GET', OBJECTS)) as { readonly items: readonly WatchedObject[] };
  await client.each(items, ({ metadata }) =>
    client.send('DELETE', `${inNamespace(metadata.namespace ?? '')}/${metadata.name}`),
  );
  for (const selector of ['bench%3Dfloor', 'app.kubernetes.io%2Fmanaged-by%3Dkube-ecr-secrets-operator']) {
    const list = (await client.send('GET', `/api/v1/secrets?labelSelector=${selector}`)) as {
      readonly items: readonly WatchedObject[];
    };
    await client.each(list.items, ({ metadata }) =>
      client.send('DELETE', `${secretsOf(metadata.namespace ?? '')}/${metadata.name}`),
    );
  }
}
