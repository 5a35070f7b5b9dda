// Kubernetes label selectors. Pure.

import { isRecord, type JsonRecord, stringMapOf, stringOf } from '../lib/json.ts';

export type Labels = ReadonlyMap<string, string>;

export interface Requirement {
  readonly label: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: ReadonlySet<string>;
}

/** All requirements must hold; an empty list matches everything. */
export type Selector = readonly Requirement[];

/**
 * Reads a LabelSelector. What is not understood is an error, never left out: with one requirement less it selects more.
 *
 * @returns the selector, or a sentence that says what is wrong with it
 */
export function parseSelector(value: unknown): Selector | string {
  if (!isRecord(value)) return 'it is not an object';
  const { matchLabels = {}, matchExpressions = [] } = value;
  if (!isRecord(matchLabels)) return 'matchLabels is not an object';
  if (!Array.isArray(matchExpressions)) return 'matchExpressions is not a list';
  const labels = stringMapOf(matchLabels);
  if (labels.size < Object.keys(matchLabels).length) return 'a value of matchLabels is not a text';
  const requirements: Requirement[] = [];
  for (const [label, text] of labels) requirements.push({ label, operator: 'In', values: new Set([text]) });
  for (const item of matchExpressions) {
    const requirement = parseRequirement(item);
    if (typeof requirement === 'string') return requirement;
    requirements.push(requirement);
  }
  return requirements;
}

function parseRequirement(item: unknown): Requirement | string {
  if (!isRecord(item)) return 'an entry of matchExpressions is not an object';
  const label = stringOf(item['key']);
  const operator = stringOf(item['operator']);
  const values = parseValues(item);
  if (!values) return 'the values of an entry of matchExpressions are not a list of texts';
  if (!label) return 'an entry of matchExpressions has no key';
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.size > 0 ? { label, operator, values } : `${operator} for ${label} needs at least one value`;
    case 'Exists':
    case 'DoesNotExist':
      return values.size === 0 ? { label, operator, values } : `${operator} for ${label} takes no values`;
    default:
      return `${operator ?? 'no operator'} for ${label} is not one of In, NotIn, Exists, DoesNotExist`;
  }
}

function parseValues({ values = [] }: JsonRecord): ReadonlySet<string> | undefined {
  if (!Array.isArray(values) || !values.every((item) => typeof item === 'string')) return undefined;
  return new Set(values);
}

/** `undecided`: an object has more labels than were kept, and the answer depends on one of the others. */
export type Match = 'yes' | 'no' | 'undecided';

/**
 * Kubernetes' meaning: NotIn and DoesNotExist also match an object without the label.
 *
 * @param areAll  `labels` are all labels of the object, so that it does not have any other
 */
export function match(selector: Selector, labels: Labels, areAll: boolean): Match {
  const answers = new Set(
    selector.map((requirement): Match => {
      const value = labels.get(requirement.label);
      if (value === undefined && !areAll) return 'undecided';
      return meets(requirement, value) ? 'yes' : 'no';
    }),
  );
  if (answers.has('no')) return 'no';
  return answers.has('undecided') ? 'undecided' : 'yes';
}

function meets({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.has(value);
    case 'NotIn':
      return value === undefined || !values.has(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}
