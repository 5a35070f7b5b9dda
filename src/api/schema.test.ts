// Covers the schema: the Go project's manifests stay valid, and each bound refuses what is beyond it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { base64, KEY_ID, SECRET_KEY, spec } from '../../testing/rigs/builders.ts';
import { recordOf } from '../lib/json.ts';
import { clusterSpec, legacySpec, namespacedSpec } from './schema.ts';

/** The manifests of the Go project's README, word for word. */
const NAMESPACED_MANIFEST = `
apiVersion: aws.zakariaamine.com/v1alpha2
kind: AWSECRImagePullSecret
metadata:
  name: my-ecr-credentials
spec:
  awsAccess:
    accessKeyId: YOUR_ACCESS_KEY_ID
    secretAccessKey: YOUR_SECRET_ACCESS_KEY
    region: THE_ECR_REGION
  secretName: ecr-login
`;
const CLUSTER_MANIFEST = `
apiVersion: aws.zakariaamine.com/v1alpha2
kind: ClusterAWSECRImagePullSecret
metadata:
  name: test-ecr-credentials
spec:
  awsAccess:
    accessKeyId: YOUR_ACCESS_KEY_ID
    secretAccessKey: YOUR_SECRET_ACCESS_KEY
    region: THE_ECR_REGION
  secretName: ecr-login
  namespaces:
    - ns1
    - ns2
    - ns3
`;

/** The spec of a manifest with its placeholders filled in. */
function filled(manifest: string, keyId: string, secretKey: string): unknown {
  const values = { YOUR_ACCESS_KEY_ID: keyId, YOUR_SECRET_ACCESS_KEY: secretKey, THE_ECR_REGION: 'eu-west-1' };
  const text = Object.entries(values).reduce((seen, [name, value]) => seen.replace(name, value), manifest);
  return recordOf(parse(text))['spec'];
}

describe('a manifest of the Go project stays valid', () => {
  const pairs = { plain: [KEY_ID, SECRET_KEY], 'as base64': [base64(KEY_ID), base64(SECRET_KEY)] } as const;
  for (const [how, [keyId, secretKey]] of Object.entries(pairs)) {
    test(`with keys that are ${how}`, () => {
      assert.ok(namespacedSpec.safeParse(filled(NAMESPACED_MANIFEST, keyId, secretKey)).success);
      assert.ok(clusterSpec.safeParse(filled(CLUSTER_MANIFEST, keyId, secretKey)).success);
    });
  }

  test('of the deprecated kind, with any part missing', () => {
    const awsAccess = { region: 'eu-west-1', accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY };
    for (const old of [{}, { awsAccess }, { awsAccess, secretName: 'a', namespaces: ['ns1', 'ns1'] }]) {
      assert.ok(legacySpec.safeParse(old).success);
    }
  });
});

describe('a spec is valid', () => {
  const many = Array.from({ length: 10_000 }, (_, index) => `ns${index}`);
  const good: Readonly<Record<string, unknown>> = {
    'with a reference': spec({}, { secretRef: { name: 'aws-keys' } }),
    'with a reference whose keys have other names': spec({}, { secretRef: { name: 'a', keys: { accessKeyId: 'id' } } }),
    'with the region of another partition': spec({}, { region: 'eusc-de-east-1' }),
    'with repeated namespaces': spec({ namespaces: ['a', 'a'] }),
    'with 10,000 namespaces': spec({ namespaces: many }),
    'with a selector of everything': spec({ namespaceSelector: {} }),
    'with a selector, names and exceptions': spec({
      namespaces: ['a'],
      namespaceSelector: {
        matchLabels: { ecr: 'true' },
        matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['db'] }],
      },
      excludeNamespaces: ['kube-system'],
    }),
  };
  for (const [how, value] of Object.entries(good)) {
    test(how, () => assert.equal(clusterSpec.safeParse(value).error, undefined));
  }
});

describe('a spec is refused', () => {
  const bad: Readonly<Record<string, unknown>> = {
    'without a region': spec({}, { region: undefined }),
    'with a region of 33 characters': spec({}, { region: `eu-${'w'.repeat(28)}-1` }),
    'with an empty key': spec({}, { accessKeyId: '' }),
    'with a key of 257 characters': spec({}, { secretAccessKey: 'x'.repeat(257) }),
    'with a field that is unknown': spec({ refreshInterval: '6h' }),
    'with a namespace in its reference': spec({}, { secretRef: { name: 'a', namespace: 'kube-system' } }),
    'without a secret name': spec({ secretName: undefined }),
    'with a secret name of 254 characters': spec({ secretName: 'x'.repeat(254) }),
    'with no namespaces in their list': spec({ namespaces: [] }),
    'with 10,001 namespaces': spec({ namespaces: Array.from({ length: 10_001 }, () => 'a') }),
    'with a namespace of 64 characters': spec({ excludeNamespaces: ['x'.repeat(64)] }),
    'with an operator that is unknown': spec({
      namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] },
    }),
    'with a label that is a number': spec({ namespaceSelector: { matchLabels: { a: 1 } } }),
  };
  for (const [how, value] of Object.entries(bad)) {
    test(how, () => assert.equal(clusterSpec.safeParse(value).success, false));
  }

  test('with the namespaces of the cluster kind in the other one', () => {
    assert.equal(namespacedSpec.safeParse(spec({ namespaces: ['a'] })).success, false);
    assert.equal(namespacedSpec.safeParse(spec()).success, true);
  });
});
