// Labels and annotations that an object wants on its pull Secrets: read, checked, and compared with those of a Secret.
//
// The Secret remembers in an annotation which of its keys came from the template, so that what leaves the template
// leaves the Secret, and what others have added stays. Pure.

import {
  EXPIRY_ANNOTATION,
  GROUP,
  MANAGED_BY_LABEL,
  MAX_TEMPLATE_KEYS,
  MAX_TEMPLATE_VALUE,
  TEMPLATE_ANNOTATION,
} from '../api/names.ts';
import { digest } from '../lib/digest.ts';
import { canonicalJson, isRecord, type JsonRecord, parseJson, recordOf, stringsOf } from '../lib/json.ts';

/** What the operator writes beside its own labels and annotations. */
export interface SecretTemplate {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Value of the annotation that remembers the keys; undefined when there are none. */
  readonly keys: string | undefined;
  /** Of keys and values, as `seenTemplateDigest` makes it; empty when there are none. */
  readonly digest: string;
}

/** A prefix, a slash, and a name of 63 characters (Kubernetes, labels and selectors). */
const KEY =
  /^(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LONGEST_PREFIX = 253;
const LONGEST_KEY = LONGEST_PREFIX + 1 + 63;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
/** Of the annotation: the longest keys of both maps, with quotes. A longer one is not of the operator. */
const LONGEST_KEYS = 2 * MAX_TEMPLATE_KEYS * (LONGEST_KEY + 3) + 64;

export const NO_TEMPLATE: SecretTemplate = { labels: {}, annotations: {}, keys: undefined, digest: '' };

type Field = 'labels' | 'annotations';
const FIELDS: readonly Field[] = ['labels', 'annotations'];

/** Keys that mean something to the operator: a template can neither set nor hide them. */
function isReserved(key: string, field: Field): boolean {
  const own = field === 'labels' ? MANAGED_BY_LABEL : EXPIRY_ANNOTATION;
  return key.startsWith(`${GROUP}/`) || key === own;
}

/**
 * Reads `spec.secretTemplate`.
 *
 * @returns the template, empty when there is none; or a sentence that says which key is wrong
 */
export function parseSecretTemplate(spec: JsonRecord): SecretTemplate | string {
  if (spec['secretTemplate'] === undefined) return NO_TEMPLATE;
  const given = recordOf(spec['secretTemplate']);
  for (const field of FIELDS) {
    const fault = faultOf(given[field] ?? {}, field);
    if (fault !== undefined) return `spec.secretTemplate.${field} ${fault}`;
  }
  return templateOf(recordOf(given['labels']) as Values, recordOf(given['annotations']) as Values);
}

type Values = Readonly<Record<string, string>>;

/** A prefix is a subdomain of 253 characters at most (RFC 1123); in the key of an annotation its case is ignored. */
function isKey(key: string, field: Field): boolean {
  const slash = key.indexOf('/');
  return slash <= LONGEST_PREFIX && KEY.test(field === 'labels' ? key : key.toLowerCase());
}

function faultOf(map: unknown, field: Field): string | undefined {
  if (!isRecord(map)) return 'is not a map';
  const entries = Object.entries(map);
  if (entries.length > MAX_TEMPLATE_KEYS) return `has more than ${MAX_TEMPLATE_KEYS} keys`;
  for (const [key, value] of entries) {
    if (!isKey(key, field)) return 'has a key that no label or annotation can have';
    if (isReserved(key, field)) return `has the key ${key}, which only the operator sets`;
    if (typeof value !== 'string') return `has a value that is no text, of ${key}`;
    if (field === 'labels' && !LABEL_VALUE.test(value)) return `has a value that no label can have, of ${key}`;
    if (Array.from(value).length > MAX_TEMPLATE_VALUE)
      return `has a value of over ${MAX_TEMPLATE_VALUE} characters, of ${key}`;
  }
  return undefined;
}

function templateOf(labels: Values, annotations: Values): SecretTemplate {
  const names = { labels: Object.keys(labels).sort(), annotations: Object.keys(annotations).sort() };
  const isEmpty = names.labels.length === 0 && names.annotations.length === 0;
  const keys = isEmpty ? undefined : canonicalJson(names);
  return { labels, annotations, keys, digest: digestOf(keys, labels, annotations) };
}

function digestOf(keys: string | undefined, labels: Values, annotations: Values): string {
  return keys === undefined ? '' : digest(keys, canonicalJson({ labels, annotations }));
}

/**
 * Digest of the keys that the annotation remembers and their values, to compare with that of a template.
 *
 * @param labels       of the Secret, as the next
 * @param annotations  as on the wire; anybody may have written them
 */
export function seenTemplateDigest(
  labels: ReadonlyMap<string, string>,
  annotations: ReadonlyMap<string, string>,
): string {
  const keys = annotations.get(TEMPLATE_ANNOTATION);
  if (keys === undefined) return NO_TEMPLATE.digest;
  const names = remembered(keys);
  const pick = (from: ReadonlyMap<string, string>, wanted: readonly string[]): Values =>
    Object.fromEntries([...from].filter(([name]) => wanted.includes(name)));
  return digestOf(keys, pick(labels, names.labels), pick(annotations, names.annotations));
}

/** The keys in the annotation; those that no template can have are left out. */
function remembered(keys: string): Readonly<Record<Field, readonly string[]>> {
  const parsed = keys.length > LONGEST_KEYS ? {} : recordOf(parseJson(keys));
  const of = (field: Field): readonly string[] =>
    stringsOf(parsed[field])
      .filter((key) => isKey(key, field) && !isReserved(key, field))
      .slice(0, MAX_TEMPLATE_KEYS);
  return { labels: of('labels'), annotations: of('annotations') };
}

/**
 * The part of a merge patch that brings a Secret to the template: `null` takes a key off that is no longer in it.
 *
 * @param annotations  those of the Secret; empty for a new one
 */
export function templatePatch(
  { labels, annotations, keys }: SecretTemplate,
  seen: ReadonlyMap<string, string>,
): Readonly<Record<Field, JsonRecord>> {
  const before = seen.get(TEMPLATE_ANNOTATION);
  const former = remembered(before ?? '{}');
  const off = (names: readonly string[]): JsonRecord => Object.fromEntries(names.map((name) => [name, null]));
  const mark = keys === undefined && before === undefined ? {} : { [TEMPLATE_ANNOTATION]: keys ?? null };
  return {
    labels: { ...off(former.labels), ...labels },
    annotations: { ...off(former.annotations), ...annotations, ...mark },
  };
}
