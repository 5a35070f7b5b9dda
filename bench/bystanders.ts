// What a tenant waits for while another one's 1,200 objects hang at a region that does not answer.

import { eventually } from '../testing/api-server/test-api.ts';
import { median, pause, timed } from './measure.ts';
import { progress, report } from './report.ts';
import { type Bench, restart } from './stage.ts';
import { createNamespaces, createObject, numbered } from './work.ts';

const HANGING = 1_200;
const REGION = 'us-west-2';
const SAMPLES = 20;

export async function bystanders(bench: Bench): Promise<void> {
  const { client, aws } = bench;
  const there = async (path: string): Promise<boolean> =>
    client.send('GET', path).then(
      () => true,
      () => false,
    );
  const until = (path: string): Promise<true> =>
    eventually(async () => ((await there(path)) ? true : undefined), 120_000);
  const secretOf = (name: string): string => `/api/v1/namespaces/bystander/secrets/login-${name}`;

  await aws.control('POST', 'faults', { while: { region: REGION }, fault: { op: 'hang' } });
  await createNamespaces(client, ['hanging', 'bystander']);
  await restart(bench);
  for (const name of numbered('calm', SAMPLES)) await createObject(client, 'bystander', name);
  for (const name of numbered('calm', SAMPLES)) await until(secretOf(name));
  progress(`${HANGING} objects at a region that hangs`);
  await client.each(numbered('hanging', HANGING), (name) =>
    createObject(client, 'hanging', name, {
      regions: [REGION],
      accessKeyId: `AKIA${name.toUpperCase().replace('-', '0000000')}`,
    }),
  );
  await pause(3_000);
  const repaired: number[] = [];
  const served: number[] = [];
  for (const name of numbered('calm', SAMPLES)) {
    await client.send('DELETE', secretOf(name));
    repaired.push(await timed(() => until(secretOf(name))));
    await pause(100);
  }
  for (const name of numbered('new', SAMPLES)) {
    served.push(
      await timed(async () => {
        await createObject(client, 'bystander', name);
        await until(secretOf(name));
      }),
    );
    await pause(100);
  }
  await aws.control('POST', 'faults', { clear: true });
  const words = (times: readonly number[]): string =>
    `${median(times).toFixed(0)} ms, at most ${Math.max(...times).toFixed(0)} ms`;
  const what = `while ${HANGING} objects of another tenant hang`;
  report(`${what}: Secret deleted → restored`, words(repaired), '≤ 50 ms', median(repaired) <= 50);
  report(`${what}: new object → its Secret`, words(served), '≤ 1 s', Math.max(...served) <= 1_000);
}
