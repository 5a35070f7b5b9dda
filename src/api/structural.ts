// A linter for what Kubernetes demands of a CRD schema (a "structural schema") and for what CEL's cost estimate needs.
// Pure. It reports where a schema breaks a rule before an API server does.

import { isRecord, type JsonRecord, recordOf, stringsOf } from '../lib/json.ts';

/** Keywords of JSON Schema that a structural schema may not hold (kubernetes.io, "Specifying a structural schema"). */
const FORBIDDEN = [
  '$ref',
  '$schema',
  'const',
  'definitions',
  'patternProperties',
  'propertyNames',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
];

/**
 * @param schema  an OpenAPI v3 schema, as in `openAPIV3Schema`
 * @returns one sentence for each broken rule, with the path of the node; empty for a good schema
 */
export function structuralProblems(schema: JsonRecord): readonly string[] {
  const problems: string[] = [];
  visit(schema, 'schema', problems);
  return problems;
}

function visit(node: unknown, path: string, problems: string[]): void {
  if (!isRecord(node)) {
    problems.push(`${path}: not an object`);
    return;
  }
  problems.push(...ownProblems(node, path), ...ruleProblems(node, path));
  for (const [name, child] of Object.entries(recordOf(node['properties']))) visit(child, `${path}.${name}`, problems);
  if ('items' in node) visit(node['items'], `${path}[]`, problems);
  if (isRecord(node['additionalProperties'])) visit(node['additionalProperties'], `${path}.*`, problems);
}

function ownProblems(node: JsonRecord, path: string): readonly string[] {
  const problems: string[] = [];
  if (typeof node['type'] !== 'string') problems.push(`${path}: has no type`);
  for (const word of FORBIDDEN) if (word in node) problems.push(`${path}: holds ${word}`);
  if ('properties' in node && 'additionalProperties' in node) {
    problems.push(`${path}: properties beside additionalProperties`);
  }
  if (typeof node['description'] !== 'string' && isDocumented(path)) problems.push(`${path}: has no description`);
  const properties = recordOf(node['properties']);
  for (const name of stringsOf(node['required'])) {
    if (!(name in properties)) problems.push(`${path}: requires the unknown ${name}`);
  }
  return problems;
}

/** Items and the three standard fields of every object carry no description of their own. */
function isDocumented(path: string): boolean {
  return !/(\[\]|\.\*|^schema\.(apiVersion|kind|metadata))$/.test(path);
}

/** The API server prices a CEL rule by the largest value it could see, so its operands must have bounds. */
function ruleProblems(node: JsonRecord, path: string): readonly string[] {
  if (!('x-kubernetes-validations' in node)) return [];
  if (node['type'] === 'string' && !('maxLength' in node)) return [`${path}: has a CEL rule and no maxLength`];
  if (node['type'] === 'array')
    return [
      `${path}: has a CEL rule on a list (a rule that iterates a list can refuse objects that the original stored)`,
    ];
  return [];
}
