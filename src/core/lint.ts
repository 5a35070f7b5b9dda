// What is wrong with an object in a file, before any API server has seen it. Pure.

import { CLUSTER_KIND, GROUP, LEGACY_KIND, NAMESPACED_KIND, SECRET_NAME_PATTERN, VERSION } from '../api/names.ts';
import { type JsonRecord, listOf, recordOf, stringOf, stringsOf } from '../lib/json.ts';
import { parseStrictly } from './resource.ts';
import { type Fault, schemaFaults } from './schema-check.ts';

export interface Linted {
  readonly kind: string;
  readonly name: string;
  /** The API server or the operator refuses it. */
  readonly faults: readonly Fault[];
  /** It works, and there is something to know. */
  readonly warnings: readonly Fault[];
}

/** The schema of each kind's spec, by kind, of its newest version. */
export function specSchemas(crds: readonly unknown[]): ReadonlyMap<string, JsonRecord> {
  return new Map(
    crds.map((crd) => {
      const { names, versions } = recordOf(recordOf(crd)['spec']);
      const schema = recordOf(recordOf(recordOf(listOf(versions).at(-1))['schema'])['openAPIV3Schema']);
      return [String(recordOf(names)['kind']), recordOf(recordOf(schema['properties'])['spec'])];
    }),
  );
}

const NAME = new RegExp(SECRET_NAME_PATTERN);
const LONGEST_NAME = 253;

/**
 * @param object   one document of a file
 * @param schemas  schema of the spec, by kind
 * @returns undefined for an object that is none of the operator's
 */
export function lintObject(object: JsonRecord, schemas: ReadonlyMap<string, JsonRecord>): Linted | undefined {
  const [kind, version] = [stringOf(object['kind']) ?? '', stringOf(object['apiVersion']) ?? ''];
  if (!version.startsWith(`${GROUP}/`)) return undefined;
  const metadata = recordOf(object['metadata']);
  const name = stringOf(metadata['name']) ?? '';
  const alone = (fault: Fault): Linted => ({ kind, name, faults: [fault], warnings: [] });
  if (kind === LEGACY_KIND)
    return {
      kind,
      name,
      faults: [],
      warnings: [{ path: ['kind'], message: `is deprecated: write a ${CLUSTER_KIND} (docs/migrate.md)` }],
    };
  if (kind !== NAMESPACED_KIND && kind !== CLUSTER_KIND)
    return alone({ path: ['kind'], message: `is no kind of the operator: ${NAMESPACED_KIND} or ${CLUSTER_KIND}` });
  if (version !== `${GROUP}/${VERSION}`) return alone({ path: ['apiVersion'], message: `must be ${GROUP}/${VERSION}` });
  const spec = recordOf(object['spec']);
  const faults = [
    ...nameFaults(metadata),
    ...schemaFaults(object['spec'], recordOf(schemas.get(kind)), ['spec']),
    ...starFaults(spec),
  ];
  // Its sentences name one fault after another; those of the schema have a place.
  const wish = faults.length > 0 ? undefined : parseStrictly({ kind, namespace: 'default', spec });
  if (typeof wish === 'string') faults.push(sentence(wish));
  return { kind, name, faults, warnings: warningsOf(kind, metadata, spec) };
}

function nameFaults({ name, generateName }: JsonRecord): readonly Fault[] {
  const text = stringOf(name) ?? stringOf(generateName);
  if (text === undefined) {
    const field = name === undefined && generateName !== undefined ? 'generateName' : 'name';
    const message = (name ?? generateName) === undefined ? 'is missing' : 'is no text for YAML: put it in quotes';
    return [{ path: ['metadata', field], message }];
  }
  const isGood = text.length <= LONGEST_NAME && (name === undefined || NAME.test(text));
  return isGood ? [] : [{ path: ['metadata', 'name'], message: 'is no name that an object can have' }];
}

function starFaults(spec: JsonRecord): readonly Fault[] {
  return ['namespaces', 'excludeNamespaces'].flatMap((field) => {
    const at = stringsOf(spec[field]).indexOf('*');
    return at === -1
      ? []
      : [{ path: ['spec', field, at], message: 'is no pattern: namespaceSelector: {} selects every namespace' }];
  });
}

/** A sentence of `parseStrictly` begins with the field that it is about. */
function sentence(text: string): Fault {
  const field = text.replace(/:? .*$/s, '');
  return { path: field.split('.'), message: text.slice(field.length).replace(/^:? /, '') };
}

function warningsOf(kind: string, metadata: JsonRecord, spec: JsonRecord): readonly Fault[] {
  const warnings: Fault[] = [];
  if (recordOf(spec['awsAccess'])['secretAccessKey'] !== undefined)
    warnings.push({
      path: ['spec', 'awsAccess', 'secretAccessKey'],
      message: 'stands in the file, and for everybody who may read the object: secretRef keeps it in a Secret',
    });
  if (kind === CLUSTER_KIND && metadata['namespace'] !== undefined)
    warnings.push({ path: ['metadata', 'namespace'], message: 'is ignored: this kind has no namespace' });
  if (kind === CLUSTER_KIND && spec['namespaces'] === undefined && spec['namespaceSelector'] === undefined)
    warnings.push({ path: ['spec'], message: 'names no namespace and selects none: no Secret is written' });
  return warnings;
}
