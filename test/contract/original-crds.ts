// The CRDs of the original as facts: fields, bounds and scope, and none of its words. What is stored under them exists.

import { GROUP } from '../../src/api/names.ts';

const text = { type: 'string' };

const awsAccess = {
  type: 'object',
  required: ['accessKeyId', 'region', 'secretAccessKey'],
  properties: { accessKeyId: text, region: text, secretAccessKey: text },
};
const secretName = { type: 'string', minLength: 1, maxLength: 253 };
const namespaces = { type: 'array', minItems: 1, items: text };

const condition = {
  type: 'object',
  required: ['lastTransitionTime', 'message', 'reason', 'status', 'type'],
  properties: {
    lastTransitionTime: { type: 'string', format: 'date-time' },
    message: { type: 'string', maxLength: 32_768 },
    observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
    reason: { type: 'string', minLength: 1, maxLength: 1_024 },
    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
    type: { type: 'string', maxLength: 316 },
  },
};
const status = { type: 'object', properties: { conditions: { type: 'array', items: condition } } };

interface Kind {
  readonly kind: string;
  readonly version: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly shortNames?: readonly string[];
  readonly spec: Readonly<Record<string, object>>;
}

function crd({ kind, version, scope, shortNames, spec }: Kind): object {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: { kind, listKind: `${kind}List`, plural, singular, ...(shortNames ? { shortNames } : {}) },
      scope,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                apiVersion: text,
                kind: text,
                metadata: { type: 'object' },
                spec: { type: 'object', required: Object.keys(spec), properties: spec },
                status,
              },
            },
          },
        },
      ],
    },
  };
}

export const ORIGINAL_CRDS: readonly object[] = [
  crd({
    kind: 'AWSECRImagePullSecret',
    version: 'v1alpha2',
    scope: 'Namespaced',
    shortNames: ['aeps'],
    spec: { awsAccess, secretName },
  }),
  crd({
    kind: 'ClusterAWSECRImagePullSecret',
    version: 'v1alpha2',
    scope: 'Cluster',
    shortNames: ['caeps'],
    spec: { awsAccess, namespaces, secretName },
  }),
  crd({
    kind: 'AWSECRCredential',
    version: 'v1alpha1',
    scope: 'Cluster',
    spec: { awsAccess, namespaces, secretName },
  }),
];
