// A pod takes the pull Secrets of its ServiceAccount when it is created: how often is one faster than the operator?

import { API_VERSION } from '../src/api/names.ts';
import { median, pause } from './measure.ts';
import { progress, report } from './report.ts';
import { type Bench, restart } from './stage.ts';
import { ACCESS, CLUSTER_OBJECTS, cleanUp, createNamespaces, numbered } from './work.ts';

const SAMPLES = 100;
/** Between two looks, milliseconds. */
const LOOK_MS = 1;
const SELECTED = { bench: 'first-pods' };
const ATTACHING = { ECR_OPERATOR_ATTACH_TO_SERVICE_ACCOUNTS: 'true' };

interface Race {
  /** Pods that named the Secret. */
  readonly named: number;
  /** From the account to its entry, milliseconds. */
  readonly late: readonly number[];
}

interface Named {
  readonly imagePullSecrets?: readonly { readonly name: string }[];
}

export async function firstPods(bench: Bench): Promise<void> {
  const { client } = bench;
  await cleanUp(client);
  await restart(bench, ATTACHING);
  await client.send('POST', CLUSTER_OBJECTS, {
    apiVersion: API_VERSION,
    kind: 'ClusterAWSECRImagePullSecret',
    metadata: { name: 'attaching' },
    spec: {
      awsAccess: ACCESS,
      secretName: 'attached',
      namespaceSelector: { matchLabels: SELECTED },
      serviceAccounts: { names: ['default', 'own'] },
    },
  });
  progress(`creating ${SAMPLES} namespaces, and a pod in each`);
  /** Makes an account in each namespace, and a pod of it as soon as it is there. */
  const race = async (
    spaces: readonly string[],
    account: string,
    create: (namespace: string) => Promise<unknown>,
  ): Promise<Race> => {
    let named = 0;
    const late: number[] = [];
    for (const namespace of spaces) {
      await create(namespace);
      const begun = performance.now();
      const spec = { serviceAccountName: account, containers: [{ name: 'app', image: 'registry.example.com/app' }] };
      const body = { metadata: { name: account }, spec };
      const pod = (await client.send('POST', `/api/v1/namespaces/${namespace}/pods`, body)) as { readonly spec: Named };
      if (pod.spec.imagePullSecrets?.some(({ name }) => name === 'attached')) named += 1;
      await until(accountPath(namespace, account), ({ imagePullSecrets = [] }) => imagePullSecrets.length > 0);
      late.push(performance.now() - begun);
    }
    return { named, late };
  };
  const until = async (path: string, isSo: (found: Named) => boolean): Promise<void> => {
    for (;;) {
      const found = await client.send('GET', path).catch(() => undefined);
      if (found && isSo(found)) return;
      await pause(LOOK_MS);
    }
  };
  const spaces = numbered('first', SAMPLES);
  const ofDefault = await race(spaces, 'default', async (name) => {
    await createNamespaces(client, [name], SELECTED);
    // By Kubernetes' own controller, which takes its time.
    await until(accountPath(name, 'default'), () => true);
  });
  const ofOwn = await race(spaces, 'own', (name) =>
    client.send('POST', accountPath(name), { metadata: { name: 'own' } }),
  );
  tell('the default account of a new namespace', ofDefault);
  tell('a new account in a namespace that has the Secret', ofOwn);
  await cleanUp(client);
  await restart(bench);
}

function accountPath(namespace: string, name = ''): string {
  return `/api/v1/namespaces/${namespace}/serviceaccounts${name && `/${name}`}`;
}

function tell(what: string, { named, late }: Race): void {
  report(
    `${what} → it names the Secret`,
    `${median(late).toFixed(0)} ms, at most ${Math.max(...late).toFixed(0)} ms`,
    'told',
    true,
  );
  report('… pods created as soon as it was there that named the Secret', `${named} of ${late.length}`, 'told', true);
}
