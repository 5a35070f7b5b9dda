// Schema -> CustomResourceDefinition manifests. Pure; used at build time by scripts/gen.ts.

import { z } from 'zod';
import { isRecord, type JsonRecord } from '../lib/json.ts';
import { CLUSTER_KIND, GROUP, LEGACY_KIND, LEGACY_VERSION, NAMESPACED_KIND, VERSION } from './names.ts';
import { clusterSpec, legacySpec, legacyStatus, namespacedSpec, status } from './schema.ts';
import { structuralProblems } from './structural.ts';

interface Column {
  readonly name: string;
  readonly type: 'string' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  readonly priority?: number;
}

const CONDITION = (type: string, field: string): string => `.status.conditions[?(@.type=="${type}")].${field}`;

const COLUMNS: readonly Column[] = [
  {
    name: 'Ready',
    type: 'string',
    jsonPath: CONDITION('Ready', 'status'),
    description: 'Whether every pull secret is in place',
  },
  { name: 'Status', type: 'string', jsonPath: CONDITION('Ready', 'reason'), description: 'Why' },
  {
    name: 'Message',
    type: 'string',
    jsonPath: CONDITION('Ready', 'message'),
    description: 'Why, in a sentence',
    priority: 1,
  },
  // Absent from a good object: what needs a person stands out.
  { name: 'Stalled', type: 'string', jsonPath: CONDITION('Stalled', 'reason'), description: 'What needs a change' },
  {
    name: 'Attached',
    type: 'string',
    jsonPath: CONDITION('Attached', 'status'),
    description: 'Whether the ServiceAccounts of spec.serviceAccounts name the pull secret',
    priority: 1,
  },
  {
    name: 'Pullable',
    type: 'string',
    jsonPath: CONDITION('Pullable', 'reason'),
    description: 'What the registries of spec.probe answer',
    priority: 1,
  },
  {
    name: 'Secrets',
    type: 'string',
    jsonPath: '.status.secrets.summary',
    description: 'Pull secrets in place, of those wanted',
  },
  { name: 'Secret', type: 'string', jsonPath: '.spec.secretName', description: 'Name of the pull secret' },
  { name: 'Region', type: 'string', jsonPath: '.spec.awsAccess.region', description: 'AWS region of the registry' },
  // A `date` column prints a time in the future as "<invalid>", hence `string`.
  { name: 'Expires', type: 'string', jsonPath: '.status.expiresAt', description: 'When the first login ends' },
  { name: 'Refreshed', type: 'date', jsonPath: '.status.refreshedAt', description: 'When the last login was fetched' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Age of this object' },
];

function isNeedless(name: string, value: unknown): boolean {
  // The schema of a record's keys: every label key is a string anyway.
  if (name === '$schema' || name === 'propertyNames') return true;
  if (name === 'additionalProperties') return value === false;
  // The API server drops it: a second apply of the same CRD would be a conflict of field managers.
  return name === 'properties' && isRecord(value) && Object.keys(value).length === 0;
}

/** Removes what zod writes and a structural schema must not, or need not, have. */
function cleaned(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(cleaned);
  if (!isRecord(node)) return node;
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node)) {
    if (isNeedless(name, value)) continue;
    result[name] = name === 'default' ? value : cleaned(value);
  }
  if (result['type'] === 'integer') {
    if (result['maximum'] === Number.MAX_SAFE_INTEGER) delete result['maximum'];
    result['format'] = result['maximum'] === undefined ? 'int64' : 'int32';
    if (result['maximum'] === 2_147_483_647) delete result['maximum'];
  }
  return result;
}

function schemaOf(type: z.ZodType): JsonRecord {
  const raw = z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input' });
  const result = cleaned(raw);
  if (!isRecord(result)) throw new TypeError('zod gave no object schema');
  return result;
}

interface Definition {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster';
  readonly version: string;
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly Column[];
  readonly requireSpec: boolean;
  readonly deprecation?: string;
}

const DEFINITIONS: readonly Definition[] = [
  {
    kind: NAMESPACED_KIND,
    plural: 'awsecrimagepullsecrets',
    shortNames: ['aeps'],
    scope: 'Namespaced',
    version: VERSION,
    description: 'Keeps an AWS ECR image pull secret in its own namespace fresh.',
    spec: namespacedSpec,
    status,
    columns: COLUMNS,
    requireSpec: true,
  },
  {
    kind: CLUSTER_KIND,
    plural: 'clusterawsecrimagepullsecrets',
    shortNames: ['caeps'],
    scope: 'Cluster',
    version: VERSION,
    description: 'Keeps an AWS ECR image pull secret fresh in many namespaces.',
    spec: clusterSpec,
    status,
    columns: COLUMNS,
    requireSpec: true,
  },
  {
    kind: LEGACY_KIND,
    plural: 'awsecrcredentials',
    shortNames: [],
    scope: 'Cluster',
    version: LEGACY_VERSION,
    description: 'Deprecated: use ClusterAWSECRImagePullSecret.',
    spec: legacySpec,
    status: legacyStatus,
    columns: [],
    requireSpec: false,
    deprecation: `${GROUP}/${LEGACY_VERSION} ${LEGACY_KIND} is deprecated; use ${GROUP}/${VERSION} ${CLUSTER_KIND}`,
  },
];

function makeCrd(definition: Definition): JsonRecord {
  const schema = {
    type: 'object',
    description: definition.description,
    ...(definition.requireSpec ? { required: ['spec'] } : {}),
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: schemaOf(definition.spec),
      status: schemaOf(definition.status),
    },
  };
  const problems = structuralProblems(schema);
  if (problems.length > 0)
    throw new TypeError(`${definition.kind}: the schema is not structural:\n${problems.join('\n')}`);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${definition.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: definition.kind,
        listKind: `${definition.kind}List`,
        plural: definition.plural,
        singular: definition.kind.toLowerCase(),
        ...(definition.shortNames.length > 0 ? { shortNames: definition.shortNames } : {}),
        // `kubectl get ecr` would warn of a deprecated kind each time.
        ...(definition.deprecation === undefined ? { categories: ['ecr'] } : {}),
      },
      scope: definition.scope,
      versions: [
        {
          name: definition.version,
          served: true,
          storage: true,
          ...(definition.deprecation === undefined
            ? {}
            : { deprecated: true, deprecationWarning: definition.deprecation }),
          ...(definition.columns.length === 0 ? {} : { additionalPrinterColumns: definition.columns }),
          schema: { openAPIV3Schema: schema },
          subresources: { status: {} },
        },
      ],
    },
  };
}

/** All CRDs, in the order in which they are printed: the two kinds, then the deprecated one. */
export function makeCrds(): readonly JsonRecord[] {
  return DEFINITIONS.map(makeCrd);
}
