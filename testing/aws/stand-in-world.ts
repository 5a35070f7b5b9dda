// A started stand-in with one good key, a stopped clock and the real SDK client, for the stand-in's own tests.

import assert from 'node:assert/strict';

import {
  ECRClient,
  type ECRClientConfig,
  GetAuthorizationTokenCommand,
  type GetAuthorizationTokenCommandOutput,
} from '@aws-sdk/client-ecr';

import type { EpochMs } from '../../src/lib/time.ts';
import { createManualClock, type ManualClock, settle } from '../clocks/manual-clock.ts';
import { type AwsStandIn, startAwsStandIn } from './aws-stand-in.ts';
import type { AwsKey } from './iam.ts';

export const KEY: AwsKey = {
  accessKeyId: 'AKIAGOODKEY000000001',
  secretAccessKey: 'madeUpSecretOfTheTests',
  accountId: '123456789012',
};

export interface World {
  readonly standIn: AwsStandIn;
  readonly clock: ManualClock;
  readonly send: (config?: ECRClientConfig, signal?: AbortSignal) => Promise<Answer>;
}

type Answer = GetAuthorizationTokenCommandOutput;

/**
 * Runs `body` with a stand-in that knows KEY. The SDK signs with the system's clock, so the manual one starts there.
 */
export async function withStandIn(body: (world: World) => Promise<void>): Promise<void> {
  const clock = createManualClock(Date.now() as EpochMs);
  const standIn = await startAwsStandIn({ clock, accounts: [KEY] });
  const clients: ECRClient[] = [];
  const send: World['send'] = (config = {}, signal) => {
    const client = clientOf(standIn, config);
    clients.push(client);
    return client.send(new GetAuthorizationTokenCommand({}), signal ? { abortSignal: signal } : {});
  };
  try {
    await body({ standIn, clock, send });
  } finally {
    for (const client of clients) client.destroy();
    await standIn.stop();
  }
}

export function clientOf(standIn: AwsStandIn, config: ECRClientConfig): ECRClient {
  return new ECRClient({ region: 'eu-west-1', endpoint: standIn.url, credentials: KEY, maxAttempts: 1, ...config });
}

export function passwordOf(answer: Answer): string {
  const text = Buffer.from(answer.authorizationData?.[0]?.authorizationToken ?? '', 'base64').toString();
  assert.match(text, /^AWS:/);
  return text.slice('AWS:'.length);
}

/** Lets sockets make progress until `isTrue`; otherwise the test's own time-out ends it. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await settle();
}

/** For assert.rejects: the error has this name, which for an AWS error is its code. */
export const named = (name: string) => (error: unknown) => error instanceof Error && error.name === name;

/** SDK settings for KEY with these parts changed. */
export const withCredentials = (change: Partial<AwsKey>): ECRClientConfig => ({ credentials: { ...KEY, ...change } });
