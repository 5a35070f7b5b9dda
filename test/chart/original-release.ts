// The release of the Go project as facts: names, kinds and labels of the objects that its chart made, and none of its
// words.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { GROUP } from '../../src/api/names.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { ORIGINAL_CRDS } from '../contract/original-crds.ts';

const NAME = 'kube-ecr-secrets-operator';
const LABELS = { 'control-plane': 'controller-manager', 'app.kubernetes.io/name': NAME };
const ACCOUNT = `${NAME}-controller-manager`;

/** With them its pod runs (testing/original/main.ts); without, it rests. */
export interface OriginalPorts {
  readonly webhook: number;
  readonly probes: number;
}

/** Of the pod of the Go project; no such image exists. */
export const ORIGINAL_IMAGE = 'example.com/manager:0.5.0';
export const ORIGINAL_CERTIFICATE = 'webhook-server-cert';
export const ORIGINAL_WEBHOOK_SERVICE = `${NAME}-webhook-service`;
const CERTIFICATE_FOLDER = '/tmp/k8s-webhook-server/serving-certs';
const KINDS = ['awsecrimagepullsecrets', 'clusterawsecrimagepullsecrets', 'awsecrcredentials'];

const objects = (ports: OriginalPorts | undefined): readonly object[] => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: `${NAME}-manager-role` },
    rules: [
      { apiGroups: [''], resources: ['secrets'], verbs: ['*'] },
      { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [GROUP], resources: [...KINDS, ...KINDS.map((kind) => `${kind}/status`)], verbs: ['*'] },
    ],
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
    metadata: { name: ORIGINAL_WEBHOOK_SERVICE },
    spec: {
      selector: { 'control-plane': 'controller-manager' },
      ports: [{ port: 443, targetPort: ports?.webhook ?? 9443 }],
    },
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
          service: { name: ORIGINAL_WEBHOOK_SERVICE, namespace: '{{ .Release.Namespace }}', path: '/' },
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
      replicas: ports ? 1 : 0,
      selector: { matchLabels: { 'control-plane': 'controller-manager' } },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: ACCOUNT,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: 'manager',
              image: ORIGINAL_IMAGE,
              args: [
                `--probe-port=${ports?.probes}`,
                `--webhook-port=${ports?.webhook}`,
                `--cert-dir=${CERTIFICATE_FOLDER}`,
              ],
              ports: [{ name: 'probes', containerPort: ports?.probes ?? 8081 }],
              readinessProbe: { httpGet: { path: '/readyz', port: 'probes' } },
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
              volumeMounts: [{ name: 'cert', mountPath: CERTIFICATE_FOLDER, readOnly: true }],
            },
          ],
          volumes: [{ name: 'cert', secret: { secretName: ORIGINAL_CERTIFICATE } }],
        },
      },
    },
  },
];

/** A chart that leaves what the Go project's chart left: its CRDs from `crds/`, the rest of the names above. */
export function makeOriginalChart(ports?: OriginalPorts): string {
  const folder = makeTemporaryFolder('original-chart');
  writeFileSync(join(folder, 'Chart.yaml'), stringify({ apiVersion: 'v2', name: NAME, version: '0.5.0' }));
  for (const [sub, made] of [
    ['crds', ORIGINAL_CRDS],
    ['templates', objects(ports)],
  ] as const) {
    mkdirSync(join(folder, sub));
    made.forEach((object, index) => writeFileSync(join(folder, sub, `${index}.yaml`), stringify(object)));
  }
  return folder;
}
