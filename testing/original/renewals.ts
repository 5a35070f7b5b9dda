// How the Go project renews: on every event of an object except changes of its own conditions, and when a login ends.
// It writes "processing", each Secret as a whole, and "updated"; it retries failures with growing delays.

import { API_VERSION, GROUP, LEGACY_API_VERSION } from '../../src/api/names.ts';
import { followObjects } from '../api-server/secret-watch.ts';
import { createTestApi, type TestApiOptions } from '../api-server/test-api.ts';
import { type AwsAccess, decode, encode, fetchLogin, type Login } from './login.ts';

const KINDS = [
  { kind: 'AWSECRImagePullSecret', plural: 'awsecrimagepullsecrets', apiVersion: API_VERSION },
  { kind: 'ClusterAWSECRImagePullSecret', plural: 'clusterawsecrimagepullsecrets', apiVersion: API_VERSION },
  { kind: 'AWSECRCredential', plural: 'awsecrcredentials', apiVersion: LEGACY_API_VERSION },
];
const FIRST_PAUSE_MS = 5;
const LOOK_EVERY_MS = 20;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

interface CustomObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly spec: {
    readonly awsAccess: AwsAccess;
    readonly secretName: string;
    readonly namespaces?: readonly string[];
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

interface Renewals {
  /** Runs until the process ends. */
  start(): Promise<void>;
  /** As if every login had expired. */
  renewAll(): void;
}

/** The part of a status that the Go project's types have. */
const known = ({ status }: CustomObject): string =>
  JSON.stringify(
    (status?.conditions ?? []).map(
      ({ type, status: value, reason, message, lastTransitionTime, observedGeneration }) => [
        type,
        value,
        reason,
        message,
        lastTransitionTime,
        observedGeneration ?? 0,
      ],
    ),
  );

export function createRenewals(server: TestApiOptions, say: (line: string) => void): Renewals {
  const api = createTestApi(server);
  const seen = new Map<string, CustomObject>();
  const waiting = new Map<string, NodeJS.Timeout>();
  const busy = new Set<string>();

  const pathOf = (collection: string, { metadata: { name, namespace } }: CustomObject): string =>
    namespace === undefined
      ? `${collection}/${name}`
      : collection.replace(/([^/]+)$/, `namespaces/${namespace}/$1/${name}`);

  /** Writes the whole list as read at the beginning, except for the one condition: it overwrites concurrent changes. */
  const setReady = async (
    path: string,
    conditions: readonly Condition[],
    condition: Omit<Condition, 'type' | 'lastTransitionTime'>,
  ): Promise<readonly Condition[]> => {
    const former = conditions.find(({ type }) => type === 'Ready');
    const lastTransitionTime =
      former?.status === condition.status ? former.lastTransitionTime : new Date().toISOString().replace(/\.\d+/, '');
    const ready = { type: 'Ready', ...condition, lastTransitionTime };
    const all = [...conditions.filter(({ type }) => type !== 'Ready'), ready];
    await api.merge(`${path}/status`, { status: { conditions: all } });
    return all;
  };

  const writeSecret = async (
    namespace: string,
    { metadata: { name: owner, uid }, spec: { secretName } }: CustomObject,
    { kind, apiVersion }: (typeof KINDS)[number],
    { dockerConfig, expiresAt }: Login,
  ): Promise<void> => {
    const secrets = `/api/v1/namespaces/${namespace}/secrets`;
    const expiry = expiresAt.toISOString().replace(/\.\d+/, '');
    const data = { '.dockerconfigjson': encode(dockerConfig) };
    const { status, body } = await api.get(`${secrets}/${secretName}`);
    if (status === 200) {
      const { metadata } = body;
      const annotations = { ...metadata.annotations, expiry };
      await api.must('PUT', `${secrets}/${secretName}`, {
        ...body,
        metadata: { ...metadata, annotations },
        data: { ...body.data, ...data },
      });
      return;
    }
    if (status !== 404) throw new Error(`secret ${secretName}: ${status}`);
    const ownerReferences = [{ apiVersion, kind, name: owner, uid }];
    await api.must('POST', secrets, {
      metadata: { name: secretName, annotations: { expiry }, ownerReferences },
      type: 'kubernetes.io/dockerconfigjson',
      data,
    });
  };

  const renew = async (path: string, kind: (typeof KINDS)[number]): Promise<Date | undefined> => {
    const { status, body } = await api.get(path);
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`${path}: ${status}`);
    const object = body as CustomObject;
    const { region, accessKeyId, secretAccessKey } = object.spec.awsAccess;
    const login = await fetchLogin({
      region,
      accessKeyId: decode(accessKeyId),
      secretAccessKey: decode(secretAccessKey),
    });
    const namespaces = object.spec.namespaces ?? [object.metadata.namespace ?? ''];
    const where = object.spec.namespaces ? `[${namespaces.join(' ')}]` : (namespaces[0] ?? '');
    const conditions = await setReady(path, object.status?.conditions ?? [], {
      status: 'False',
      reason: 'SecretsProcessing',
      message: `creating/updating secrets in namespaces: ${where}`,
    });
    for (const namespace of namespaces) await writeSecret(namespace, object, kind, login);
    const until = login.expiresAt.toISOString().replace('T', ' ').replace('Z', ' +0000 UTC');
    await setReady(path, conditions, {
      status: 'True',
      reason: 'SecretsUpdated',
      message: `AWS ECR secret with type kubernetes.io/dockerconfigjson have been created/updated successfully in namespaces: ${where} next update at: ${until}`,
    });
    return login.expiresAt;
  };

  const enqueue = (path: string, kind: (typeof KINDS)[number], afterMs: number, failures = 0): void => {
    clearTimeout(waiting.get(path));
    const work = async (): Promise<void> => {
      // One renewal of an object at a time.
      if (busy.has(path)) return enqueue(path, kind, LOOK_EVERY_MS, failures);
      busy.add(path);
      try {
        const until = await renew(path, kind);
        if (until) enqueue(path, kind, Math.max(0, until.getTime() - Date.now()));
      } catch (error) {
        say(`${path}: ${String(error)}`);
        enqueue(path, kind, FIRST_PAUSE_MS * 2 ** failures, failures + 1);
      } finally {
        busy.delete(path);
      }
    };
    waiting.set(
      path,
      setTimeout(() => void work(), Math.min(afterMs, 2 ** 31 - 1)),
    );
  };

  const take = (kind: (typeof KINDS)[number], collection: string, object: CustomObject): void => {
    const before = seen.get(object.metadata.uid);
    seen.set(object.metadata.uid, object);
    if (before?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    if (before === undefined || known(before) === known(object)) enqueue(pathOf(collection, object), kind, 0);
  };

  /** Sees each change by itself: two that cancel each other out are no event without a change of conditions. */
  const follow = async (kind: (typeof KINDS)[number]): Promise<void> => {
    const collection = `/apis/${kind.apiVersion}/${kind.plural}`;
    const { status, body } = await api.get(collection);
    if (status !== 200) return;
    for (const object of body.items as readonly CustomObject[]) take(kind, collection, object);
    const { ended } = followObjects(server, collection, body.metadata.resourceVersion, ({ type, object }) => {
      if (type === 'ADDED' || type === 'MODIFIED') take(kind, collection, object);
    });
    await ended;
  };

  const keepFollowing = async (kind: (typeof KINDS)[number]): Promise<never> => {
    for (;;) {
      await follow(kind).catch((error: unknown) => say(String(error)));
      await new Promise((resolve) => void setTimeout(resolve, LOOK_EVERY_MS));
    }
  };

  return {
    renewAll() {
      for (const kind of KINDS) {
        const prefix = `/apis/${GROUP}/${kind.apiVersion.split('/')[1]}/`;
        for (const path of waiting.keys())
          if (path.startsWith(prefix) && path.includes(`/${kind.plural}/`)) enqueue(path, kind, 0);
      }
    },
    async start() {
      await Promise.all(KINDS.map(keepFollowing));
    },
  };
}
