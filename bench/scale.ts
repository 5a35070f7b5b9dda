// The rows that take minutes: large objects, and a large cluster.

import { API_VERSION } from '../src/api/names.ts';
import { FOOTPRINT } from '../testing/operator/operator-process.ts';
import { readProbe, withProbe } from './loop-probe.ts';
import { memoryAtRest, pause, timed } from './measure.ts';
import { reportMemoryAfter } from './memory.ts';
import { progress, report } from './report.ts';
import { type Bench, restart } from './stage.ts';
import { cleanUp, createNamespaces, createObject, numbered, OBJECTS, untilReady, writeBare } from './work.ts';

const LARGE = 1_000;
const LARGE_OBJECTS = '/apis/aws.zakariaamine.com/v1alpha2/namespaces/large/awsecrimagepullsecrets';
const OBJECTS_AT_SCALE = 5_000;
const NAMESPACES_AT_SCALE = 10_000;
const FOREIGN_AT_SCALE = 50_000;
const PROBE_EVERY_MS = 20;

/** When the first lists have been read. */
async function memoryAfterStart(bench: Bench): Promise<number> {
  await restart(bench);
  return (await memoryAtRest(bench.operator.pid)).rss;
}

export async function largeObjects(bench: Bench): Promise<void> {
  const { client } = bench;
  const before = await memoryAfterStart(bench);
  await createNamespaces(client, ['large']);
  progress(`creating ${LARGE} Secrets of 1 MB and ${LARGE} objects with 250 KiB of annotations`);
  const data = { large: Buffer.alloc(1_000_000, 'x').toString('base64') };
  const labels = { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' };
  await client.each(numbered('large', LARGE), (name) =>
    client.send('POST', '/api/v1/namespaces/large/secrets', { metadata: { name, labels }, data }),
  );
  // Without a usable key, so that they make no Secrets: what is measured is what they cost by being there.
  await client.each(numbered('object', LARGE), (name) =>
    client.send('POST', LARGE_OBJECTS, {
      apiVersion: API_VERSION,
      kind: 'AWSECRImagePullSecret',
      metadata: { name, annotations: { large: 'x'.repeat(250 * 1_024) } },
      spec: { awsAccess: { region: 'eu-west-1', secretRef: { name: 'none' } }, secretName: name },
    }),
  );
  const { pid } = bench.operator;
  const after = await memoryAfterStart(bench);
  const isUp = bench.operator.pid !== pid && bench.operator.code === undefined;
  report(
    `${LARGE} Secrets of 1 MB that carry our label, ${LARGE} objects with 250 KiB of annotations`,
    `${(after - before).toFixed(1)} MB more (${before.toFixed(0)} → ${after.toFixed(0)} MB)`,
    '≤ +8 MB, no restart',
    isUp && after - before <= 8,
  );
  // One by one: a list of them is longer than a text can be.
  await client.each(numbered('large', LARGE), (name) =>
    client.send('DELETE', `/api/v1/namespaces/large/secrets/${name}`),
  );
  await client.each(numbered('object', LARGE), (name) => client.send('DELETE', `${LARGE_OBJECTS}/${name}`));
}

export async function scale(bench: Bench): Promise<void> {
  const { client } = bench;
  const spaces = numbered('scale', NAMESPACES_AT_SCALE);
  progress(`creating ${NAMESPACES_AT_SCALE} namespaces and ${FOREIGN_AT_SCALE} foreign Secrets`);
  await createNamespaces(client, spaces);
  const data = { value: Buffer.alloc(1_024, 'x').toString('base64') };
  await client.each(numbered('foreign', FOREIGN_AT_SCALE), (name) =>
    client.send('POST', `/api/v1/namespaces/${spaces[Number(name.slice(-4)) % spaces.length]}/secrets`, {
      metadata: { name },
      data,
    }),
  );
  const names = numbered('object', OBJECTS_AT_SCALE);
  const spaceOf = (name: string): string => spaces[Number(name.slice('object-'.length))] ?? '';
  progress('the floor');
  await bench.operator.end();
  const floor = await timed(() => client.each(names, (name) => writeBare(client, spaceOf(name), `${name}-floor`)));
  await cleanUp(client);
  await restart(bench, withProbe(FOOTPRINT['NODE_OPTIONS']));
  await pause(5_000);
  const blocked = watchProbe(bench);
  const ours = await timed(() =>
    untilReady(client, OBJECTS, OBJECTS_AT_SCALE, () =>
      client.each(names, (name) => createObject(client, spaceOf(name), name)),
    ),
  );
  const longest = await blocked();
  const loop = await readProbe(bench.operator);
  report(
    `${OBJECTS_AT_SCALE} objects, ${NAMESPACES_AT_SCALE} namespaces, ${FOREIGN_AT_SCALE} foreign Secrets`,
    `${(ours / floor).toFixed(2)}× floor (${(ours / 1_000).toFixed(1)} s / ${(floor / 1_000).toFixed(1)} s)`,
    '≤ 1.4× floor',
    ours <= 1.4 * floor,
  );
  await reportMemoryAfter(bench, 110);
  report(
    '… longest delay of the event loop',
    `${loop.longest.toFixed(0)} ms, at most ${loop.work.toFixed(0)} ms of it computed; longest answer of /healthz ${longest.toFixed(0)} ms`,
    '≤ 100 ms',
    loop.longest <= 100,
  );
}

/**
 * Asks /healthz all the time, which an event loop that is blocked does not answer; the result ends it and gives the
 * longest time.
 */
function watchProbe({ operator }: Bench): () => Promise<number> {
  let longest = 0;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      longest = Math.max(longest, await timed(() => operator.probe('/healthz')));
      await pause(PROBE_EVERY_MS);
    }
  })();
  return async () => {
    over.abort();
    await watching;
    return longest;
  };
}
