// Fields of the operator's CRDs that the API server does not serve: it would silently drop them from every write. Pure.

import { isRecord, type JsonRecord, listOf, recordOf, stringOf } from '../lib/json.ts';

/**
 * @param crds    the CustomResourceDefinitions of this version
 * @param served  an OpenAPI v3 document of the API server
 * @returns paths such as `AWSECRImagePullSecret.spec.registries`, without what is below them; only the kind when it is
 *          not served at all. Empty: nothing is missing
 */
export function missingFields(crds: readonly JsonRecord[], served: JsonRecord): readonly string[] {
  const schemas = new Map<string, JsonRecord>();
  for (const schema of Object.values(recordOf(recordOf(served['components'])['schemas'])).filter(isRecord))
    for (const name of namesOf(schema)) schemas.set(name, schema);
  return crds.map(recordOf).flatMap(({ spec }) => {
    const { group, names, versions } = recordOf(spec);
    const kind = `${stringOf(recordOf(names)['kind'])}`;
    return listOf(versions)
      .map(recordOf)
      .flatMap(({ name, schema }) => {
        const known = schemas.get(`${stringOf(group)}/${stringOf(name)}/${kind}`);
        return known ? missingIn(recordOf(recordOf(schema)['openAPIV3Schema']), known, kind) : [kind];
      });
  });
}

/** `group/version/Kind` of everything that the schema stands for. */
function namesOf(schema: JsonRecord): readonly string[] {
  return listOf(schema['x-kubernetes-group-version-kind'])
    .map(recordOf)
    .map(({ group, version, kind }) => `${stringOf(group)}/${stringOf(version)}/${stringOf(kind)}`);
}

function missingIn(wanted: JsonRecord, served: JsonRecord, path: string): readonly string[] {
  const own = recordOf(served['properties']);
  const ofProperties = Object.entries(recordOf(wanted['properties'])).flatMap(([name, schema]) => {
    const below = `${path}.${name}`;
    return isRecord(own[name]) ? missingIn(recordOf(schema), own[name], below) : [below];
  });
  const { items } = wanted;
  return isRecord(items)
    ? [...ofProperties, ...missingIn(items, recordOf(served['items']), `${path}[]`)]
    : ofProperties;
}
