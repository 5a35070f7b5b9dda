// The AWS stand-in as a separate process, for the demo and the bench.

import { fileURLToPath } from 'node:url';
import { listOf, recordOf } from '../../src/lib/json.ts';
import { eventually } from '../api-server/test-api.ts';
import { endNode, startNode } from '../process/node-process.ts';
import type { AwsCall } from './call-log.ts';

const STAND_IN = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface AwsProcess {
  readonly pid: number;
  /** Value of AWS_ENDPOINT_URL_ECR. */
  readonly url: string;
  /** Controls it; see aws/control.ts. */
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  calls(): Promise<readonly AwsCall[]>;
  stop(): Promise<number | null>;
}

/** A key that the stand-in knows from the start. */
export interface ProcessKey {
  readonly id: string;
  readonly secret: string;
  readonly account: string;
}

export async function startAwsProcess(key: ProcessKey): Promise<AwsProcess> {
  const child = startNode([STAND_IN, '--key', `${key.id}:${key.secret}:${key.account}`]);
  let output = '';
  child.stdout?.on('data', (text: string) => {
    // The first line has the address; /_control/requests returns the calls that follow.
    if (!output.includes('\n')) output += text;
  });
  const { url } = await eventually(() => {
    const end = output.indexOf('\n');
    return end === -1 ? undefined : (JSON.parse(output.slice(0, end)) as { readonly url: string });
  });
  const control: AwsProcess['control'] = async (method, path, body) => {
    const init =
      body === undefined
        ? { method }
        : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const reply = await fetch(`${url}/_control/${path}`, init);
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
    return (reply.headers.get('content-type') ?? '').includes('json') ? await reply.json() : undefined;
  };
  return {
    pid: child.pid ?? 0,
    url,
    control,
    calls: async () => listOf(recordOf(await control('GET', 'requests'))['requests']) as readonly AwsCall[],
    stop: () => endNode(child),
  };
}
