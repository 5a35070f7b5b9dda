// The operator's ServiceAccount with exactly what the chart gives it: its roles, and the policies that confine it.

import { eventually, type TestApi } from '../api-server/test-api.ts';
import { renderChart } from '../tools/helm/chart.ts';
import { createHelm } from '../tools/helm/helm.ts';

/** The operator's namespace in suites. */
export const OPERATOR_NAMESPACE = 'kube-system';
export const OPERATOR_ACCOUNT = 'kube-ecr-secrets-operator';
export const OPERATOR_USER = `system:serviceaccount:${OPERATOR_NAMESPACE}:${OPERATOR_ACCOUNT}`;

/** An operator of some namespaces only. */
export const SCOPED_ACCOUNT = 'scoped-operator';
export const SCOPED_USER = `system:serviceaccount:${OPERATOR_NAMESPACE}:${SCOPED_ACCOUNT}`;

/** A namespace, and an account, for which the administrator forbids requesting tokens. */
const DENIED_ACCOUNTS = ['denied-namespace', 'default/denied-account'];

/** The chart's kinds that grant or restrict rights, and the paths of their collections. */
const RIGHTS: Readonly<Record<string, string>> = {
  ServiceAccount: `/api/v1/namespaces/${OPERATOR_NAMESPACE}/serviceaccounts`,
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  Role: `/apis/rbac.authorization.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/roles`,
  RoleBinding: `/apis/rbac.authorization.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/rolebindings`,
  ValidatingAdmissionPolicy: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
};

/** Part of the API server's message when one of the chart's policies refuses. */
export const POLICY_REFUSAL = `ValidatingAdmissionPolicy '${OPERATOR_ACCOUNT}`;

/**
 * Creates the account, with every switch of the chart on, and waits until its policies are in force.
 *
 * @returns a token of it
 */
export async function installOperatorAccount(api: TestApi): Promise<string> {
  const release = { name: OPERATOR_ACCOUNT, namespace: OPERATOR_NAMESPACE };
  const switches = [
    'crds.enabled=false',
    'legacyConversion.enabled=true',
    'serviceAccountTokens.enabled=true',
    'serviceAccountAttachment.enabled=true',
    ...DENIED_ACCOUNTS.map((one, index) => `serviceAccountTokens.denied[${index}]=${one}`),
  ];
  const objects = await renderChart(await createHelm(4), release, '--set', switches.join(','));
  for (const object of objects) {
    const path = RIGHTS[object.kind];
    if (path !== undefined) await api.must('POST', path, object);
  }
  const token = await requestToken(api, OPERATOR_NAMESPACE, OPERATOR_ACCOUNT);
  await policiesInForce(api, token);
  return token;
}

/** A token that the API server accepts, like a pod's. */
export async function requestToken(api: TestApi, namespace: string, name: string): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 7_200 } };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const { status } = await api.must('POST', path, body);
  return status.token;
}

/** The API server takes some seconds to enforce a new policy. */
async function policiesInForce(api: TestApi, token: string): Promise<void> {
  const operator = api.as(token);
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { generateName: 'refused-' } };
  const account = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/serviceaccounts/${OPERATOR_ACCOUNT}/token`;
  const tokenRequest = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  for (const [path, body] of [
    [`/api/v1/namespaces/${OPERATOR_NAMESPACE}/secrets?dryRun=All`, secret],
    [`${account}?dryRun=All`, tokenRequest],
  ] as const) {
    await eventually(async () => {
      const { body: answer } = await operator.send('POST', path, body);
      return String(answer.message).includes(POLICY_REFUSAL) ? true : undefined;
    }, 30_000);
  }
}
