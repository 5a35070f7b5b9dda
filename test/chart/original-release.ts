// The release of the Go project as facts: names, kinds and labels of the objects that its chart made, and none of its words.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { GROUP } from '../../src/api/names.ts';
import { makeTemporaryFolder } from '../../src/testing/temporary-folder.ts';
import { ORIGINAL_CRDS } from '../contract/original-crds.ts';

const NAME = 'kube-ecr-secrets-operator';
const LABELS = { 'control-plane': 'controller-manager', 'app.kubernetes.io/name': NAME };
const ACCOUNT = `${NAME}-controller-manager`;

const OBJECTS: readonly object[] = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: `${NAME}-manager-role` },
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['*'] }],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: `${NAME}-manager-rolebinding` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `${NAME}-manager-role` },
    subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: '{{ .Release.Namespace }}' }],
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `${NAME}-webhook-service` },
    spec: { selector: { 'control-plane': 'controller-manager' }, ports: [{ port: 443, targetPort: 9443 }] },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: `${NAME}-mutating-webhook-configuration` },
    webhooks: [
      {
        name: 'awsecrimagepullsecrets.aws.zakariaamine.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'NoneOnDryRun',
        failurePolicy: 'Fail',
        clientConfig: {
          service: { name: `${NAME}-webhook-service`, namespace: '{{ .Release.Namespace }}', path: '/' },
        },
        rules: [{ apiGroups: [GROUP], apiVersions: ['v1alpha2'], operations: ['CREATE', 'UPDATE'], resources: ['*'] }],
      },
    ],
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: ACCOUNT, labels: LABELS },
    spec: {
      // Its program is not here.
      replicas: 0,
      selector: { matchLabels: { 'control-plane': 'controller-manager' } },
      template: {
        metadata: { labels: LABELS },
        spec: { serviceAccountName: ACCOUNT, containers: [{ name: 'manager', image: 'example.com/manager:0.5.0' }] },
      },
    },
  },
];

/** A chart that leaves what the Go project's chart left: its CRDs from `crds/`, the rest of the names above. */
export function makeOriginalChart(): string {
  const folder = makeTemporaryFolder('original-chart');
  writeFileSync(join(folder, 'Chart.yaml'), stringify({ apiVersion: 'v2', name: NAME, version: '0.5.0' }));
  for (const [sub, objects] of [
    ['crds', ORIGINAL_CRDS],
    ['templates', OBJECTS],
  ] as const) {
    mkdirSync(join(folder, sub));
    objects.forEach((object, index) => writeFileSync(join(folder, sub, `${index}.yaml`), stringify(object)));
  }
  return folder;
}
