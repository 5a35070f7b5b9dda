// Everything in a cluster that could hold a leaked secret, and the search through it.

import { GROUP, LEGACY_VERSION, VERSION } from '../../src/api/names.ts';
import { type JsonRecord, listOf, recordOf, stringMapOf, stringOf } from '../../src/lib/json.ts';
import type { TestApi } from '../api-server/test-api.ts';
import type { Canaries, CanarySort } from './canaries.ts';

export interface Place {
  /** Such as `the status of awsecrimagepullsecrets shop/login`. */
  readonly name: string;
  readonly text: string;
  /** Secrets that may be there. */
  readonly allowed?: readonly CanarySort[];
}

/** @returns a sentence for each place that holds a secret it must not hold */
export function findLeaks(canaries: Canaries, places: Iterable<Place>): readonly string[] {
  return [...places].flatMap(({ name, text, allowed }) => {
    const found = canaries.find(text, allowed);
    return found === undefined ? [] : `${found} is in ${name}`;
  });
}

const SECRETS = '/api/v1/secrets';
const OBJECTS = [
  `/apis/${GROUP}/${VERSION}/awsecrimagepullsecrets`,
  `/apis/${GROUP}/${VERSION}/clusterawsecrimagepullsecrets`,
  `/apis/${GROUP}/${LEGACY_VERSION}/awsecrcredentials`,
];
const OTHERS = [
  '/apis/events.k8s.io/v1/events',
  '/apis/coordination.k8s.io/v1/leases',
  '/api/v1/configmaps',
  '/api/v1/namespaces',
  '/api/v1/serviceaccounts',
];

/** The copy that `kubectl apply` makes of the user's object. */
const APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Everywhere that the operator could leak a secret to; specs, and the data of Secrets that need it, may hold one. */
export async function placesIn(api: TestApi): Promise<readonly Place[]> {
  const whole = await Promise.all(OTHERS.map(async (path) => (await list(api, path)).map((one) => place(path, one))));
  const objects = await Promise.all(
    OBJECTS.map(async (path) => (await list(api, path)).map((one) => place(path, { ...one, spec: undefined }))),
  );
  const secrets = (await list(api, SECRETS)).flatMap((secret): readonly Place[] => {
    const metadata = place(SECRETS, { ...secret, data: undefined });
    const allowed: readonly CanarySort[] = isPullSecret(secret) ? ['token'] : ['id', 'key'];
    return [metadata, { name: `the data of ${metadata.name}`, text: decoded(secret).join('\n'), allowed }];
  });
  return [...whole.flat(), ...objects.flat(), ...secrets];
}

/** Adds the users' AWS keys: inline ones, and those in Secrets of the type that `secretRef` names. */
export async function addKeysOfUsers(canaries: Canaries, api: TestApi): Promise<void> {
  const objects = (await Promise.all(OBJECTS.map((path) => list(api, path)))).flat();
  for (const { spec } of objects) {
    const inline = stringOf(recordOf(recordOf(spec)['awsAccess'])['secretAccessKey']) ?? '';
    canaries.add('key', inline);
    canaries.add('key', Buffer.from(inline, 'base64').toString());
  }
  for (const secret of (await list(api, SECRETS)).filter(({ type }) => type === 'Opaque')) {
    for (const value of decoded(secret)) canaries.add(/^[A-Z0-9]+$/.test(value) ? 'id' : 'key', value);
  }
}

function isPullSecret({ type }: JsonRecord): boolean {
  return type === 'kubernetes.io/dockerconfigjson';
}

function decoded({ data }: JsonRecord): readonly string[] {
  return [...stringMapOf(data).values()].map((value) => Buffer.from(value, 'base64').toString());
}

function place(path: string, object: JsonRecord): Place {
  const { namespace = '', name, annotations, ...metadata } = recordOf(object['metadata']);
  const { [APPLIED]: _, ...others } = recordOf(annotations);
  return {
    name: `${path.split('/').at(-1)} ${String(namespace)}/${String(name)}`,
    text: JSON.stringify({ ...object, metadata: { ...metadata, namespace, name, annotations: others } }),
  };
}

async function list(api: TestApi, path: string): Promise<readonly JsonRecord[]> {
  const { status, body } = await api.get(path);
  // A suite may have removed a CRD.
  if (status === 404) return [];
  if (status !== 200) throw new Error(`GET ${path}: ${status}`);
  return listOf(recordOf(body)['items']).map(recordOf);
}
