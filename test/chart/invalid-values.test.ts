// Values that cannot work are refused, in words, by both Helms.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CHART } from '../../testing/tools/helm/chart.ts';
import { setFlags, useRendering } from './rendering.ts';

const { helms } = useRendering();

describe('invalid values', () => {
  const REFUSED: Readonly<Record<string, readonly [values: object, words: string]>> = {
    'a misspelt name': [{ image: { tga: '1' } }, "additional properties 'tga' not allowed"],
    'a name nobody knows': [{ watchNamespace: 'a' }, "additional properties 'watchNamespace' not allowed"],
    'a word that is none of the choices': [
      { logLevel: 'loud' },
      "value must be one of 'debug', 'info', 'warn', 'error'",
    ],
    'a text for a number': [{ probePort: 'http' }, 'got string, want integer'],
    'a short digest': [{ image: { digest: 'sha256:abc' } }, 'does not match pattern'],
    'a deadline after the end of the Lease': [
      { leaderElection: { leaseDuration: '5s' } },
      'leaderElection.renewDeadline: 10s is not shorter than leaseDuration (5s): two replicas could lead at once',
    ],
    'a Lease that is too long': [
      { leaderElection: { leaseDuration: '2m' } },
      'leaderElection.leaseDuration: 2m is not between 1s and 60s',
    ],
    'looks that are too rare': [
      { leaderElection: { retryPeriod: '9s' } },
      'leaderElection.retryPeriod: 9s is not between 100ms and half of renewDeadline (10s)',
    ],
    'a length of time without a unit': [{ leaderElection: { leaseDuration: '15' } }, "'15' does not match pattern"],
    'too little memory': [
      { resources: { limits: { memory: '64Mi' } } },
      'resources.limits.memory: 64Mi is too little; the operator needs 96Mi or more',
    ],
    'memory in a strange unit': [
      { resources: { limits: { memory: '128MB' } } },
      'resources.limits.memory: "128MB" is not understood; write it in Mi or Gi',
    ],
    'a variable that the chart sets': [
      { extraEnv: [{ name: 'NODE_OPTIONS', value: '--use-openssl-ca' }] },
      'extraEnv: NODE_OPTIONS is set by the chart: use nodeOptions',
    ],
    'a variable that another value sets': [
      { extraEnv: [{ name: 'NO_PROXY', value: 'a' }], proxy: { noProxy: 'b' } },
      'extraEnv: NO_PROXY is set by the chart: use proxy.noProxy',
    ],
    'a variable of the chart for which there is no value': [
      { extraEnv: [{ name: 'UV_THREADPOOL_SIZE', value: '64' }] },
      'extraEnv: UV_THREADPOOL_SIZE is set by the chart: leave it out',
    ],
    'one variable twice': [
      {
        extraEnv: [
          { name: 'A', value: 'b' },
          { name: 'A', value: 'c' },
        ],
      },
      'extraEnv: A is there twice',
    ],
    'a monitor without metrics': [
      { metrics: { enabled: false, podMonitor: { enabled: true } } },
      'metrics.enabled is false, so there is nothing that metrics.serviceMonitor or metrics.podMonitor could scrape',
    ],
    'one port for both servers': [{ probePort: 8_080 }, 'metrics.port and probePort are the same: 8080'],
    'the port of the probes for the webhook': [
      { webhook: { port: 8_081 } },
      'probePort and webhook.port are the same: 8081',
    ],
    'the port of the metrics for the webhook': [
      { metrics: { port: 9_443 } },
      'metrics.port and webhook.port are the same: 9443',
    ],
    'tokens of accounts without a policy': [
      { serviceAccountTokens: { enabled: true }, admissionPolicy: { enabled: false } },
      'serviceAccountTokens.enabled needs admissionPolicy.enabled: without the policy, the right to ask for tokens is the right to be any ServiceAccount',
    ],
    'changes of accounts without a policy': [
      { serviceAccountAttachment: { enabled: true }, admissionPolicy: { enabled: false } },
      'serviceAccountAttachment.enabled needs admissionPolicy.enabled: without the policy, the right to patch ServiceAccounts is the right to give them roles of the cloud',
    ],
    'changes of accounts in some namespaces without a policy': [
      { serviceAccountAttachment: { enabled: true }, scope: { namespaces: ['a'] } },
      'an administrator has to install the policy for ServiceAccounts first',
    ],
    'first pods that name nothing': [
      { serviceAccountAttachment: { firstPods: { enabled: true, namespaceSelector: { matchLabels: { a: 'b' } } } } },
      'firstPods.secretName: name the pull secret',
    ],
    'first pods of no account': [
      { serviceAccountAttachment: { firstPods: { enabled: true, secretName: 'a', serviceAccounts: [] } } },
      'firstPods.serviceAccounts: name at least one ServiceAccount',
    ],
    'first pods everywhere': [
      { serviceAccountAttachment: { firstPods: { enabled: true, secretName: 'a' } } },
      'firstPods.namespaceSelector: say which namespaces are meant',
    ],
    'first pods of a release in some namespaces': [
      {
        serviceAccountAttachment: {
          firstPods: { enabled: true, secretName: 'a', namespaceSelector: { matchLabels: { a: 'b' } } },
        },
        scope: { namespaces: ['a'] },
      },
      'its policy belongs to the whole cluster',
    ],
    'an account that nobody names': [
      { serviceAccount: { create: false } },
      'serviceAccount.create is false, so serviceAccount.name has to say which ServiceAccount the operator uses',
    ],
    'two certificates for the webhook': [
      { webhook: { certificate: { existingSecret: 'a', certManager: { enabled: true } } } },
      'cert-manager makes the certificate (certManager.enabled), so leave out existingSecret and caBundle',
    ],
    'the image of the Go project': [
      { image: { repository: 'ghcr.io/zak905/kube-ecr-secrets-operator/controller-manager' } },
      'is the image of the Go project, which this chart cannot run',
    ],
  };
  for (const [what, [values, words]] of Object.entries(REFUSED)) {
    test(`are refused by both Helms for ${what}`, async () => {
      const set = setFlags(values);
      for (const helm of helms()) {
        const { code, stderr } = await helm.run('template', 'a', CHART, '--kube-version', '1.37.0', ...set);
        assert.equal(code, 1);
        assert.ok(stderr.includes(words), stderr);
      }
    });
  }
});
