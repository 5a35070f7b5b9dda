// How long a change takes to be served, and whether anybody sees an expired token.

import { eventually } from '../testing/api-server/test-api.ts';
import { median, pause, timed } from './measure.ts';
import { report } from './report.ts';
import type { Bench } from './stage.ts';
import { CLUSTER_OBJECTS, createNamespaces, createObject, KEY, numbered } from './work.ts';

const SAMPLES = 20;
const TOKEN_LIFE_MS = 20_000;
const TOKEN_WATCH_MS = 45_000;

export async function latencies(bench: Bench): Promise<void> {
  const { client } = bench;
  const there = async (path: string): Promise<boolean> =>
    client.send('GET', path).then(
      () => true,
      () => false,
    );
  const until = (path: string): Promise<true> => eventually(async () => ((await there(path)) ? true : undefined));
  const restored: number[] = [];
  // Each time another one: who deletes the same Secret again and again is answered less and less often.
  for (const name of numbered('object', SAMPLES)) {
    const path = `/api/v1/namespaces/${name.replace('object', 'ns')}/secrets/login-${name}`;
    await until(path);
    await client.send('DELETE', path);
    restored.push(await timed(() => until(path)));
    await pause(100);
  }
  report(
    'Secret deleted → restored',
    `${median(restored).toFixed(0)} ms, at most ${Math.max(...restored).toFixed(0)} ms`,
    '≤ 100 ms',
    median(restored) <= 100,
  );
  await client.send('POST', CLUSTER_OBJECTS, {
    apiVersion: 'aws.zakariaamine.com/v1alpha2',
    kind: 'ClusterAWSECRImagePullSecret',
    metadata: { name: 'selecting' },
    spec: {
      awsAccess: { region: 'eu-west-1', accessKeyId: KEY.id, secretAccessKey: KEY.secret },
      secretName: 'selected',
      namespaceSelector: { matchLabels: { bench: 'selected' } },
    },
  });
  const served: number[] = [];
  for (const name of numbered('selected', SAMPLES)) {
    served.push(
      await timed(async () => {
        await createNamespaces(client, [name], { bench: 'selected' });
        await until(`/api/v1/namespaces/${name}/secrets/selected`);
      }),
    );
  }
  report(
    'namespace created → Secret there',
    `${median(served).toFixed(0)} ms, at most ${Math.max(...served).toFixed(0)} ms`,
    '≤ 100 ms',
    median(served) <= 100,
  );
}

export async function shortTokens(bench: Bench): Promise<void> {
  const { client } = bench;
  await bench.aws.control('POST', 'token-life', { ms: TOKEN_LIFE_MS });
  // A region that has no login yet: one that ends sooner never takes the place of one that is held.
  await createObject(client, 'ns-0001', 'short', { regions: ['eu-central-1'] });
  const read = async (): Promise<number | undefined> => {
    const secret = (await client
      .send('GET', '/api/v1/namespaces/ns-0001/secrets/login-short')
      .catch(() => undefined)) as { metadata: { annotations: { expiry: string } } } | undefined;
    const left = secret ? Date.parse(secret.metadata.annotations.expiry) - Date.now() : undefined;
    return left !== undefined && left <= TOKEN_LIFE_MS ? left : undefined;
  };
  await eventually(read);
  let [samples, expired] = [0, 0];
  const end = performance.now() + TOKEN_WATCH_MS;
  while (performance.now() < end) {
    const left = await read();
    samples += 1;
    if (left === undefined || left <= 0) expired += 1;
    await pause(50);
  }
  report(
    `looks that see an expired token, of tokens that live ${TOKEN_LIFE_MS / 1_000} s`,
    `${expired} of ${samples}`,
    '0',
    expired === 0,
  );
}
