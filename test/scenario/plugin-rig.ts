// Runs the commands for people against the control plane of a suite.

import { Agent } from 'node:https';
import type { ApiServerAccess } from '../../src/kube/access.ts';
import { plugin } from '../../src/plugin/main.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import type { World } from '../../testing/operator/world.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function* noInput(): AsyncGenerator<Buffer> {}

/**
 * Runs one command line; what it prints is searched for keys and tokens at the end of the suite.
 *
 * @param token  of the user that calls it; by default the administrator
 * @param agent  by which registries are asked
 * @param access  another way to the API server
 */
export async function runPlugin(
  world: World,
  args: readonly string[],
  token = world.plane.adminToken,
  agent = new Agent(),
  access: ApiServerAccess = accessTo(world.plane, token),
): Promise<Ran> {
  const said = { out: '', err: '' };
  const code = await plugin(args, {
    calledAs: 'kubectl ecr-secrets',
    version: 'test',
    connect: () => Promise.resolve(access),
    out: { write: (text) => void (said.out += text), hasColors: false, isTerminal: false },
    agent: () => agent,
    input: () => noInput(),
    err: { write: (text) => void (said.err += text), hasColors: false, isTerminal: false },
  });
  world.alsoSearch('the output of the plugin', () => `${said.out}${said.err}`);
  return { code, ...said };
}
