// The stand-in as a separate process, for the demo and benches. Its first line on stdout is {"url": …}, then one JSON
// line per call. Keys given as flags show in the process list: made-up ones only, never real ones.

import { once } from 'node:events';
import { parseArgs } from 'node:util';

import { startAwsStandIn } from './aws-stand-in.ts';
import { handleControl } from './control.ts';
import type { AwsKey } from './iam.ts';

const USAGE = 'main.ts [--port PORT] [--key ID:SECRET:ACCOUNT]... [--token-life 12h|30m|20s|500ms]\n';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function parseKey(text: string): AwsKey {
  const [accessKeyId, secretAccessKey, accountId, ...rest] = text.split(':');
  if (!accessKeyId || !secretAccessKey || !accountId || !/^[0-9]{12}$/.test(accountId) || rest.length > 0)
    throw new Error('--key must be ID:SECRET:ACCOUNT, the account 12 digits');
  return { accessKeyId, secretAccessKey, accountId };
}

function parseLifeMs(text: string): number {
  const [, count, unit = ''] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? [];
  if (count === undefined) throw new Error('--token-life must be a whole number with ms, s, m or h, like 12h');
  return Number(count) * (UNIT_MS[unit] ?? 0);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error('--port must be a number from 0 to 65535');
  return port;
}

function printLine(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      key: { type: 'string', multiple: true, default: [] },
      'token-life': { type: 'string', default: '12h' },
    },
  });
  const standIn = await startAwsStandIn({
    port: parsePort(values.port),
    accounts: values.key.map(parseKey),
    tokenLifeMs: parseLifeMs(values['token-life']),
    control: handleControl,
    onCall: printLine,
  });
  const ended = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  printLine({ url: standIn.url });
  await ended;
  await standIn.stop();
}

try {
  await run();
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n${USAGE}`);
  process.exitCode = 2;
}
