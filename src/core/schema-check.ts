// A spec against the schema of its CRD, as far as that needs no CEL engine. Pure.
//
// Of the rules in CEL only the pattern of a text is looked at, in the one form that src/api/text-rules.ts writes; what
// the others demand is checked by `parseWish`.

import { isRecord, type JsonRecord, listOf, recordOf, stringOf, stringsOf } from '../lib/json.ts';

/** Names and positions from the object's root. */
export type FieldPath = readonly (string | number)[];

export interface Fault {
  readonly path: FieldPath;
  readonly message: string;
}

/** More are of no use to anybody. */
const MOST_FAULTS = 50;
const PATTERN = /^self\.size\(\) > (\d+) \|\| self\.matches\(r'(.*)'\)$/s;

/** @param schema  a part of `openAPIV3Schema` */
export function schemaFaults(value: unknown, schema: JsonRecord, path: FieldPath): readonly Fault[] {
  const faults: Fault[] = [];
  check(value, schema, path, (at, message) => {
    if (faults.length < MOST_FAULTS) faults.push({ path: at, message });
  });
  return faults;
}

type Tell = (path: FieldPath, message: string) => void;

function check(value: unknown, schema: JsonRecord, path: FieldPath, tell: Tell): void {
  const wanted = stringOf(schema['type']);
  const found = typeOf(value);
  if (wanted !== found) return tell(path, `is of type ${found}, and must be of type ${wanted}`);
  if (typeof value === 'string') return checkText(value, schema, path, tell);
  if (Array.isArray(value)) return checkList(value, schema, path, tell);
  if (isRecord(value)) checkObject(value, schema, path, tell);
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkText(text: string, schema: JsonRecord, path: FieldPath, tell: Tell): void {
  const [least, most] = [numberOf(schema['minLength'], 0), numberOf(schema['maxLength'], Number.POSITIVE_INFINITY)];
  if (text.length < least) tell(path, `has ${text.length} characters, and must have ${least} or more`);
  if (text.length > most) tell(path, `has ${text.length} characters, and may have ${most}`);
  const values = stringsOf(schema['enum']);
  if (values.length > 0 && !values.includes(text)) tell(path, `must be one of ${values.join(', ')}`);
  for (const rule of listOf(schema['x-kubernetes-validations']).map(recordOf)) {
    const [, , pattern] = PATTERN.exec(stringOf(rule['rule']) ?? '') ?? [];
    const isLike = pattern === undefined || text.length > most || new RegExp(pattern).test(text);
    if (!isLike) tell(path, String(rule['message']));
  }
}

function checkList(list: readonly unknown[], schema: JsonRecord, path: FieldPath, tell: Tell): void {
  const [least, most] = [numberOf(schema['minItems'], 0), numberOf(schema['maxItems'], Number.POSITIVE_INFINITY)];
  if (list.length < least) tell(path, `has ${list.length} items, and must have ${least} or more`);
  if (list.length > most) return tell(path, `has ${list.length} items, and may have ${most}`);
  for (const [at, item] of list.entries()) check(item, recordOf(schema['items']), [...path, at], tell);
}

function checkObject(record: JsonRecord, schema: JsonRecord, path: FieldPath, tell: Tell): void {
  const properties = new Map(Object.entries(recordOf(schema['properties'])));
  const others = isRecord(schema['additionalProperties']) ? schema['additionalProperties'] : undefined;
  const names = Object.keys(record);
  const most = numberOf(schema['maxProperties'], Number.POSITIVE_INFINITY);
  if (names.length > most) return tell(path, `has ${names.length} keys, and may have ${most}`);
  for (const name of stringsOf(schema['required']))
    if (!Object.hasOwn(record, name)) tell([...path, name], 'is missing');
  for (const name of names) {
    const known = properties.get(name) ?? others;
    const at = [...path, name];
    if (known === undefined) tell(at, unknown(name, [...properties.keys()]));
    // The API server takes a null for a field that is not there.
    else if (record[name] !== null) check(record[name], recordOf(known), at, tell);
  }
}

function unknown(name: string, known: readonly string[]): string {
  const meant = known.find((one) => one.toLowerCase() === name.toLowerCase());
  return `is no field here${meant === undefined ? '' : `; it is written ${meant}`}`;
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
