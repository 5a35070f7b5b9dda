// A linter for what Kubernetes demands of a CRD schema (a "structural schema") and for what CEL's cost estimate needs.
// Pure. It says where a schema breaks a rule before an API server has to.

import { isRecord, type JsonRecord, listOf } from '../lib/json.ts';

/** Keywords of JSON Schema that a structural schema may not hold at all (kubernetes.io, "Specifying a structural schema"). */
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
  if (typeof node['type'] !== 'string') problems.push(`${path}: has no type`);
  for (const word of FORBIDDEN) if (word in node) problems.push(`${path}: holds ${word}`);
  if ('properties' in node && 'additionalProperties' in node)
    problems.push(`${path}: properties beside additionalProperties`);
  if (path !== 'schema' && typeof node['description'] !== 'string' && isDocumented(path))
    problems.push(`${path}: has no description`);
  bounds(node, path, problems);
  if (isRecord(node['properties'])) {
    for (const [name, child] of Object.entries(node['properties'])) visit(child, `${path}.${name}`, problems);
    for (const name of listOf(node['required'])) {
      if (typeof name !== 'string' || !(name in node['properties']))
        problems.push(`${path}: requires the unknown ${String(name)}`);
    }
  }
  if ('items' in node) visit(node['items'], `${path}[]`, problems);
  if (isRecord(node['additionalProperties'])) visit(node['additionalProperties'], `${path}.*`, problems);
}

/** Items and the three standard fields of every object carry no description of their own. */
function isDocumented(path: string): boolean {
  return !/(\[\]|\.\*|^schema\.(apiVersion|kind|metadata))$/.test(path);
}

/** A CEL rule is priced by the largest value it could see, so what it stands on must have bounds. */
function bounds(node: JsonRecord, path: string, problems: string[]): void {
  if (!('x-kubernetes-validations' in node)) return;
  if (node['type'] === 'string' && !('maxLength' in node)) problems.push(`${path}: has a CEL rule and no maxLength`);
  if (node['type'] === 'array') problems.push(`${path}: has a CEL rule on a list (DESIGN.md §2 allows none)`);
}
