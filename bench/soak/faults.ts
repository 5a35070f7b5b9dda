// What happens to the operator, its API server and AWS in a soak: one after the other, again and again. Tokens live
// 30 s and are renewed with 15 s left, so no fault lasts longer than that, those of AWS less: the operator tries again
// after up to 1, 2, 4, 8 s.

import type { AwsProcess } from '../../testing/aws/process.ts';
import type { ControlPlane } from '../../testing/control-plane/control-plane.ts';
import type { FaultProxy } from '../../testing/network/fault-proxy.ts';
import type { BareClient } from '../bare-client.ts';
import { pause } from '../measure.ts';

export interface Scene {
  readonly plane: ControlPlane;
  readonly aws: AwsProcess;
  readonly proxy: FaultProxy;
  readonly client: BareClient;
  /** Path of a Secret of the operator's. */
  readonly someSecret: () => string;
}

export interface SoakFault {
  readonly name: string;
  readonly isApiServerAway?: true;
  /** Resolves when it is over. */
  readonly happen: (scene: Scene) => Promise<unknown>;
}

const FAULT_MS = 8_000;
const AWS_FAULT_MS = 4_000;

async function awsFault({ aws }: Scene, fault: object): Promise<void> {
  await aws.control('POST', 'faults', { while: {}, fault });
  await pause(AWS_FAULT_MS);
  await aws.control('POST', 'faults', { clear: true });
}

export const FAULTS: readonly SoakFault[] = [
  {
    name: 'API server killed and started',
    isApiServerAway: true,
    happen: async ({ plane }) => {
      await plane.killApiServer();
      await plane.restartApiServer();
    },
  },
  {
    name: 'AWS answers 503',
    happen: (scene) => awsFault(scene, { op: 'error', status: 503, code: 'ServiceUnavailable', message: 'away' }),
  },
  { name: 'a Secret deleted', happen: ({ client, someSecret }) => client.send('DELETE', someSecret()) },
  {
    name: 'API server hangs',
    isApiServerAway: true,
    happen: async ({ plane }) => {
      plane.pauseApiServer();
      await pause(FAULT_MS);
      plane.resumeApiServer();
    },
  },
  { name: 'watches cut', happen: async ({ proxy }) => proxy.cutStreams() },
  {
    name: 'a Secret tampered with',
    happen: ({ client, someSecret }) =>
      client.send('PATCH', someSecret(), { data: { '.dockerconfigjson': Buffer.from('{}').toString('base64') } }),
  },
  { name: 'AWS resets connections', happen: (scene) => awsFault(scene, { op: 'reset' }) },
  {
    name: 'answers to writes lost',
    happen: async ({ proxy }) => {
      proxy.decide(({ method }) => (method === 'GET' ? 'pass' : 'lose'));
      await pause(FAULT_MS);
      proxy.decide(() => 'pass');
    },
  },
  {
    name: 'watches silent',
    happen: async ({ proxy }) => {
      proxy.holdStreams(true);
      await pause(FAULT_MS);
      proxy.holdStreams(false);
    },
  },
];
