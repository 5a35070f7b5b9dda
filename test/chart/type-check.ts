// What Kubernetes' own type checker says of an admission policy, of all its expressions. It looks at validations alone,
// and at no subresource: a copy of the policy that nothing is bound to shows it the rest.

import { eventually, type TestApi } from '../../testing/api-server/test-api.ts';

const POLICIES = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const STAND_IN = { group: 'type-check.example.com', plural: 'tokenrequests', kind: 'TokenRequest' } as const;
const RULE = { apiGroups: [STAND_IN.group], apiVersions: ['v1'], resources: [STAND_IN.plural], operations: ['CREATE'] };

interface Expression {
  readonly name?: string;
  readonly expression: string;
}

export interface PolicySpec {
  readonly matchConstraints: { readonly resourceRules: readonly { readonly resources: readonly string[] }[] };
  readonly matchConditions?: readonly Expression[];
  readonly variables?: readonly Expression[];
  readonly validations: readonly Expression[];
}

/**
 * @param spec  of a ValidatingAdmissionPolicy; for `serviceaccounts/token` the kind has to be there
 *              (`installTokenRequests`)
 * @returns warnings, each with the field that it is about; none when every expression has the right types
 */
export async function typeWarnings(api: TestApi, name: string, spec: PolicySpec): Promise<readonly string[]> {
  const { matchConstraints, matchConditions = [], variables = [], validations } = spec;
  const isOfTokens = matchConstraints.resourceRules.some(({ resources }) =>
    resources.includes('serviceaccounts/token'),
  );
  // Whatever its type is, a list of it has one element.
  const asValidation = ({ expression }: Expression): Expression => ({ expression: `[${expression}].size() == 1` });
  const shown = [...validations, ...variables.map(asValidation), ...matchConditions.map(asValidation)];
  const copy = {
    matchConstraints: isOfTokens ? { resourceRules: [RULE] } : matchConstraints,
    variables,
    validations: shown.map(({ expression }) => ({ expression })),
  };
  const { metadata } = await api.must('POST', POLICIES, { metadata: { name: `${name}-checked` }, spec: copy });
  const path = `${POLICIES}/${metadata.name}`;
  const { typeChecking } = await eventually(async () => {
    const { status } = await api.must('GET', path);
    return status?.observedGeneration === metadata.generation ? status : undefined;
  });
  await api.must('DELETE', path);
  const warnings: readonly { readonly fieldRef: string; readonly warning: string }[] =
    typeChecking.expressionWarnings ?? [];
  return warnings.map(({ fieldRef, warning }) => {
    const index = Number(/\d+/.exec(fieldRef)?.[0]);
    return `${shown[index]?.expression}: ${warning}`;
  });
}

/**
 * Makes a kind with the fields that a request for a token has, as the API server describes them, unless it is there. It
 * stays: the type checker takes a while to notice that a kind that was gone is there again.
 */
export async function installTokenRequests(api: TestApi): Promise<void> {
  const { group, plural, kind } = STAND_IN;
  const { definitions } = await api.must('GET', '/openapi/v2');
  const { properties } = definitions['io.k8s.api.authentication.v1.TokenRequestSpec'];
  const { boundObjectRef: _, ...plain } = properties;
  const schema = { type: 'object', properties: { spec: { type: 'object', properties: plain } } };
  await api.send('POST', CRDS, {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  });
  await eventually(async () => ((await api.send('GET', `/apis/${group}/v1`)).status === 200 ? true : undefined));
}
