// Runs the stand-in as a process and controls it through its control endpoint, as the demo and benches do.

import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const KEY = { accessKeyId: 'AKIAMAIN000000000001', secretAccessKey: 'a/b+c=d', accountId: '123456789012' };

let child: ChildProcessWithoutNullStreams;
let url = '';
let nextLine: () => Promise<Record<string, unknown>>;

before(async () => {
  const key = `${KEY.accessKeyId}:${KEY.secretAccessKey}:${KEY.accountId}`;
  child = spawn(process.execPath, [MAIN, '--key', key, '--token-life', '20s']);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  nextLine = async () => JSON.parse(String((await lines.next()).value)) as Record<string, unknown>;
  url = String((await nextLine())['url']);
});

after(() => void child.kill('SIGKILL'));

async function send(accessKeyId = KEY.accessKeyId): Promise<{ password: string; expiresAt: number }> {
  const client = new ECRClient({
    region: 'eu-west-1',
    endpoint: url,
    credentials: { ...KEY, accessKeyId },
    maxAttempts: 1,
  });
  try {
    const { authorizationData = [] } = await client.send(new GetAuthorizationTokenCommand({}));
    const text = Buffer.from(authorizationData[0]?.authorizationToken ?? '', 'base64').toString();
    return { password: text.replace(/^AWS:/, ''), expiresAt: authorizationData[0]?.expiresAt?.getTime() ?? 0 };
  } finally {
    client.destroy();
  }
}

async function control(
  method: string,
  path: string,
  body?: unknown,
): Promise<readonly [number, Record<string, unknown>]> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${url}/_control/${path}`, init);
  return [response.status, (await response.json()) as Record<string, unknown>];
}

test('the process of the stand-in prints its URL, then one line per call, with tokens of the requested life', async () => {
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const { password, expiresAt } = await send();
  assert.ok(expiresAt - Date.now() <= 20_000);
  const line = await nextLine();
  assert.equal(line['status'], 200);
  assert.equal(line['tokenExpiresAt'], expiresAt);
  assert.ok(!JSON.stringify(line).includes(KEY.secretAccessKey));
  const [, { owner }] = await control('POST', 'tokens', { password });
  assert.deepEqual(owner, { accountId: KEY.accountId, region: 'eu-west-1', expiresAt });
  assert.deepEqual(await control('POST', 'tokens', { password: 'other' }), [200, { owner: null }]);
});

test('the process of the stand-in shows and clears its log through the control endpoint', async () => {
  await control('DELETE', 'requests');
  await send();
  await nextLine();
  const [status, { requests, issued }] = await control('GET', 'requests');
  assert.equal(status, 200);
  assert.equal((requests as readonly unknown[]).length, 1);
  assert.equal(issued, 2);
});

test('the process of the stand-in takes token life, keys and faults through the control endpoint', async () => {
  await control('POST', 'token-life', { ms: 43_200_000 });
  assert.ok((await send()).expiresAt - Date.now() > 40_000_000);
  const accessKeyId = 'AKIAMAIN000000000002';
  await assert.rejects(send(accessKeyId), { name: 'UnrecognizedClientException' });
  assert.deepEqual(await control('POST', 'keys', { ...KEY, accessKeyId }), [200, {}]);
  await send(accessKeyId);
  await control('POST', 'keys', { remove: accessKeyId });
  await assert.rejects(send(accessKeyId), { name: 'UnrecognizedClientException' });

  const fault = { op: 'error', status: 400, code: 'ThrottlingException', message: 'Rate exceeded' };
  await control('POST', 'faults', { count: 1, fault });
  await assert.rejects(send(), { name: 'ThrottlingException' });
  await send();
  await control('POST', 'faults', { while: { region: 'eu-west-1', accessKeyId: KEY.accessKeyId }, fault });
  await assert.rejects(send(), { name: 'ThrottlingException' });
  await assert.rejects(send(accessKeyId), { name: 'UnrecognizedClientException' });
  await control('POST', 'faults', { clear: true });
  await send();
});

test('the process of the stand-in refuses control requests that make no sense', async () => {
  assert.equal((await control('GET', 'nothing'))[0], 404);
  assert.equal((await control('GET', 'faults'))[0], 404);
  assert.equal((await control('POST', 'faults', { count: 1, fault: { op: 'other' } }))[0], 400);
  assert.equal((await control('POST', 'token-life', { ms: -1 }))[0], 400);
  assert.equal((await control('POST', 'keys'))[0], 400);
  const response = await fetch(`${url}/_control/keys`, { method: 'POST', body: 'no JSON' });
  assert.deepEqual(await response.json(), { error: 'the body is not JSON' });
});

test('the process of the stand-in ends with status 0 on SIGTERM, though a call hangs', async () => {
  await control('POST', 'faults', { count: 1, fault: { op: 'hang' } });
  const hanging = assert.rejects(send());
  for (let line = await nextLine(); line['fault'] !== 'hang'; line = await nextLine());
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
  await hanging;
});

test('the process of the stand-in names the flag it cannot read and how to write it', async () => {
  const bad = spawn(process.execPath, [MAIN, '--token-life', 'soon']);
  let text = '';
  bad.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  assert.deepEqual(await once(bad, 'close'), [2, null]);
  assert.match(text, /^--token-life must be .*\nmain\.ts \[--port PORT\]/);
});
