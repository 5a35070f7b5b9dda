// Runs the commands for people against the control plane of a suite.

import { Agent } from 'node:https';
import { OPERATOR_NAME } from '../../src/api/names.ts';
import type { ApiServerAccess } from '../../src/kube/access.ts';
import { plugin } from '../../src/plugin/main.ts';
import type { TestApi } from '../../testing/api-server/test-api.ts';
import { requestToken } from '../../testing/operator/operator-account.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import type { World } from '../../testing/operator/world.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Surroundings {
  /** By which registries are asked. */
  readonly agent?: Agent;
  /** Another way to the API server. */
  readonly access?: ApiServerAccess;
  /** Whether a person looks at what it prints. */
  readonly isTerminal?: boolean;
}

async function* noInput(): AsyncGenerator<Buffer> {}

/**
 * Runs one command line; what it prints is searched for keys and tokens at the end of the suite.
 *
 * @param token  of the user that calls it; by default the administrator
 */
export async function runPlugin(
  world: World,
  args: readonly string[],
  token = world.plane.adminToken,
  { agent = new Agent(), access = accessTo(world.plane, token), isTerminal = false }: Surroundings = {},
): Promise<Ran> {
  const said = { out: '', err: '' };
  const code = await plugin(args, {
    calledAs: 'kubectl ecr-secrets',
    version: 'test',
    connect: () => Promise.resolve(access),
    out: { write: (text) => void (said.out += text), hasColors: false, isTerminal },
    agent: () => agent,
    input: () => noInput(),
    err: { write: (text) => void (said.err += text), hasColors: false, isTerminal },
  });
  world.alsoSearch('the output of the plugin', () => `${said.out}${said.err}`);
  return { code, ...said };
}

/** Creates an account of a namespace that may do what `view` and the chart's view role let it. @returns its token */
export async function createViewer(api: TestApi, namespace: string): Promise<string> {
  await createAccount(api, namespace, 'viewer');
  for (const name of ['view', `${OPERATOR_NAME}-view`])
    await api.must('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name: 'viewer', namespace }],
    });
  return await requestToken(api, namespace, 'viewer');
}

/** Creates an account without any right. @returns its token */
export async function createNobody(api: TestApi, namespace: string): Promise<string> {
  await createAccount(api, namespace, 'nobody');
  return await requestToken(api, namespace, 'nobody');
}

async function createAccount(api: TestApi, namespace: string, name: string): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } };
  await api.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, body);
}
