// AWS under its own host names, on loopback: operators reach the stand-in through a proxy, as if it were AWS, so that a
// test sees which hosts they call.

import type { Socket } from 'node:net';
import { after, before } from 'node:test';
import { type ConnectProxy, startConnectProxy } from '../network/connect-proxy.ts';
import { type Authority, makeAuthority } from '../network/self-signed.ts';
import type { OperatorSurroundings, World } from './world.ts';

export interface AwsByName {
  readonly proxy: ConnectProxy;
  readonly authority: Authority;
  /** For `startOperator`; `env` overrides the process's. */
  surroundings(env?: NodeJS.ProcessEnv): OperatorSurroundings;
}

/** Variables by which an AWS SDK finds endpoints and identities: those of the machine must not reach a test. */
const OF_AWS = /^AWS_/;

/**
 * Call it inside `describe`, after `useWorld('by name')`.
 *
 * @param takes  takes the connections to some hosts, and returns false for those to AWS
 */
export function useAwsByName(world: World, takes: (host: string, socket: Socket) => boolean = () => false): AwsByName {
  const authority = makeAuthority();
  const hidden = new Map<string, string>();
  let proxy: ConnectProxy | undefined;

  before(async () => {
    for (const [name, value] of Object.entries(process.env)) if (OF_AWS.test(name)) hidden.set(name, value ?? '');
    for (const name of hidden.keys()) delete process.env[name];
    proxy = await startConnectProxy({
      authority,
      serve: (host, socket) => takes(host, socket) || world.aws.accept(socket),
    });
  });
  after(async () => {
    for (const name of Object.keys(process.env)) if (OF_AWS.test(name)) delete process.env[name];
    for (const [name, value] of hidden) process.env[name] = value;
    await proxy?.stop();
  });

  const started = (): ConnectProxy => {
    if (!proxy) throw new Error('there is no proxy before the suite runs');
    return proxy;
  };
  return {
    authority,
    get proxy() {
      return started();
    },
    surroundings(env = {}) {
      for (const name of Object.keys(process.env)) if (OF_AWS.test(name)) delete process.env[name];
      // The SDK reads the process's own environment.
      Object.assign(process.env, env);
      return {
        env: { ...process.env, HTTPS_PROXY: started().url },
        certificateAuthorities: [authority.certificate],
      };
    },
  };
}
