// The chart's webhook configuration with a URL instead of the Service: for operators that run outside the cluster.

import { GROUP, VERSION, WEBHOOK_PATH } from '../../src/api/names.ts';

export const CONFIGURATION_PATH = (name = ''): string =>
  `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations${name && `/${name}`}`;

/** @param ports  on loopback; one webhook for each */
export function webhookConfiguration(name: string, ports: readonly number[], caBundle?: string): object {
  const webhooks = ports.map((port, index) => ({
    name: `w${index}.pullsecrets.${GROUP}`,
    clientConfig: { url: `https://127.0.0.1:${port}${WEBHOOK_PATH}`, ...(caBundle ? { caBundle } : {}) },
    rules: [
      {
        apiGroups: [GROUP],
        apiVersions: [VERSION],
        operations: ['CREATE', 'UPDATE'],
        resources: ['awsecrimagepullsecrets', 'clusterawsecrimagepullsecrets'],
      },
    ],
    failurePolicy: 'Ignore',
    matchPolicy: 'Equivalent',
    sideEffects: 'NoneOnDryRun',
    timeoutSeconds: 5,
    admissionReviewVersions: ['v1'],
  }));
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name },
    webhooks,
  };
}
