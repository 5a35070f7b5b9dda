// Values of the chart, each set to something else than its default somewhere.

import { makeAuthority } from '../../testing/network/self-signed.ts';

const MONITOR = {
  renderMode: 'alwaysRender',
  labels: { release: 'a' },
  interval: '30s',
  scrapeTimeout: '10s',
  relabelings: [{ action: 'replace', targetLabel: 'cluster', replacement: 'a' }],
  metricRelabelings: [{ action: 'drop', sourceLabels: ['__name__'], regex: 'nodejs_.*' }],
};

/** Every switch that is not at its default, by what it does. Each must render, and the API server must take it. */
export const SWITCHES: Readonly<Record<string, object>> = {
  'the defaults': {},
  'names and labels': { nameOverride: 'named', fullnameOverride: 'full', commonLabels: { team: 'a' } },
  'the image': {
    image: { registry: 'mirror.example:5000', tag: '9.9.9', digest: `sha256:${'a'.repeat(64)}`, pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'pull' }, 'other'],
  },
  'the values of a parent chart': {
    enabled: true,
    global: { imageRegistry: 'mirror.example', imagePullSecrets: ['pull'], something: { of: 'others' } },
  },
  rest: { replicas: 0 },
  'one pod': { replicas: 1 },
  'three pods': {
    replicas: 3,
    leaderElection: { leaseDuration: '30s', renewDeadline: '20s', retryPeriod: '4s' },
    podDisruptionBudget: { enabled: false },
  },
  'the values that the Go project had': {
    podAnnotations: { a: 'b' },
    image: { repository: 'mirror.example/kube-ecr-secrets-operator', tag: '1.0.0' },
    resources: { limits: { cpu: '500m', memory: '256Mi' }, requests: { cpu: '20m', memory: '64Mi' } },
    nodeSelector: { disk: 'ssd', 'kubernetes.io/os': 'any' },
    tolerations: [{ key: 'a', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    service: { port: 443 },
  },
  'no memory limit': { resources: { limits: null, requests: { memory: '100M' } } },
  'flags of the operator': {
    ambientCredentials: 'none',
    renewalsPerSecond: 5,
    objectsPerNamespace: 50,
    logLevel: 'debug',
    logFormat: 'text',
    legacyConversion: { enabled: true },
    serviceAccountTokens: { enabled: true, denied: ['vault', 'ci/builder'] },
    serviceAccountAttachment: {
      enabled: true,
      firstPods: {
        enabled: true,
        secretName: 'ecr-login',
        serviceAccounts: ['builder'],
        namespaceSelector: { matchLabels: { ecr: 'true' } },
      },
    },
    extraArgs: ['--namespace=other'],
  },
  'the way to AWS': {
    proxy: { httpsProxy: 'http://proxy.example:3128', noProxy: '10.0.0.0/8' },
    awsCABundle: { configMap: 'authorities', key: 'bundle.pem' },
  },
  'CRDs that are not kept': { crds: { keep: false, annotations: { a: 'b' } } },
  'some namespaces only': {
    scope: { namespaces: ['default', 'kube-public'], policiesInstalled: true },
    serviceAccountTokens: { enabled: true },
  },
  'CRDs by somebody else': { crds: { enabled: false } },
  'an account of somebody else': { serviceAccount: { create: false, name: 'somebodys' }, rbac: { create: false } },
  'an account with a role': { serviceAccount: { name: 'own', annotations: { 'eks.amazonaws.com/role-arn': 'arn' } } },
  'roles for people': { rbac: { aggregateToEdit: false, aggregateToView: true } },
  'no roles for people': { rbac: { userRoles: false } },
  'no policies': { admissionPolicy: { enabled: false } },
  metrics: { metrics: { perObject: 0, port: 9090 }, service: { port: 9090, annotations: { a: 'b' } } },
  'a dashboard': {
    metrics: { dashboard: { enabled: true, labels: { grafana_dashboard: 'yes' }, annotations: { folder: 'ecr' } } },
  },
  'no webhook': { webhook: { enabled: false }, networkPolicy: { enabled: true } },
  'a webhook that warns of missing namespaces': { webhook: { missingNamespaces: 'Warn', port: 8443 } },
  'a webhook with a certificate of somebody else': {
    webhook: {
      annotations: { 'cert-manager.io/inject-ca-from': 'a/b' },
      certificate: { existingSecret: 'certificate' },
    },
  },
  'a webhook with a certificate and an authority of somebody else': {
    webhook: { certificate: { existingSecret: 'certificate', caBundle: makeAuthority().certificate } },
  },
  'a webhook with a certificate by cert-manager': {
    webhook: { certificate: { certManager: { enabled: true, duration: '720h' } } },
  },
  'a webhook with a certificate by an issuer that is there': {
    webhook: {
      certificate: {
        certManager: { enabled: true, issuerRef: { name: 'own', kind: 'ClusterIssuer', group: 'cert-manager.io' } },
      },
    },
  },
  'monitors and alerts': {
    metrics: {
      serviceMonitor: { enabled: true, ...MONITOR },
      podMonitor: { enabled: true, ...MONITOR },
      prometheusRule: {
        enabled: true,
        renderMode: 'alwaysRender',
        labels: { release: 'a' },
        disabledAlerts: ['EcrOperatorBug'],
        targetLabels: { cluster: 'a' },
      },
    },
  },
  'no metrics': { metrics: { enabled: false }, networkPolicy: { enabled: true } },
  'a network policy': {
    networkPolicy: {
      enabled: true,
      metricsFrom: [{ namespaceSelector: { matchLabels: { a: 'b' } } }],
      egress: [{ ports: [{ port: 443 }] }],
    },
  },
  'the pod': {
    probePort: 9091,
    podLabels: { a: 'b' },
    podAnnotations: { a: 'b' },
    deploymentAnnotations: { a: 'b' },
    podSecurityContext: { runAsNonRoot: false, seccompProfile: { type: 'Unconfined' }, runAsUser: 1_000 },
    securityContext: {
      allowPrivilegeEscalation: true,
      readOnlyRootFilesystem: false,
      capabilities: { drop: ['NET_RAW'] },
      runAsGroup: 1_000,
    },
    hostUsers: false,
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['10.0.0.1'] },
    hostAliases: [{ ip: '10.0.0.2', hostnames: ['a'] }],
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
    priorityClassName: 'system-cluster-critical',
    runtimeClassName: 'gvisor',
    terminationGracePeriodSeconds: 15,
  },
  'the network of the node': { hostNetwork: true },
  'what we did not think of': {
    nodeOptions: '--use-openssl-ca --title=#operator',
    extraEnv: [{ name: 'A', value: 'b' }],
    extraEnvFrom: [{ configMapRef: { name: 'a', optional: true } }],
    extraVolumes: [{ name: 'v', emptyDir: {} }],
    extraVolumeMounts: [{ name: 'v', mountPath: '/v' }],
    extraContainers: [{ name: 'beside', image: 'example.com/beside:1' }],
    extraInitContainers: [{ name: 'first', image: 'example.com/first:1' }],
    extraObjects: [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '{{ .Release.Name }}-object' } },
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-text\n',
    ],
  },
};
