// The webhook with certificates by cert-manager, whose own controllers make them: the chart's objects are what they
// need, the API server trusts what the pod serves, and cert-manager and the operator never write the same field.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { applyObjects, type Manifest } from '../../testing/api-server/apply.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { SECRET_PATH } from '../../testing/operator/world.ts';
import { type CertManager, startCertManager } from '../../testing/tools/cert-manager/cert-manager.ts';
import type { Helm } from '../../testing/tools/helm/helm.ts';
import { webhookAnswers } from './admission.ts';
import { NAMESPACE, useCluster } from './cluster.ts';

const NAME = 'kube-ecr-secrets-operator';
const CONFIGURATION = `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${NAME}`;
const CERTIFICATE = SECRET_PATH(NAMESPACE, `${NAME}-webhook-tls`);
const AUTHORITY = SECRET_PATH(NAMESPACE, `${NAME}-webhook-ca`);
const COMPANY_AUTHORITY = SECRET_PATH(NAMESPACE, 'company-ca');
/** An issuer that was there before, of an authority of its own. */
const COMPANY: readonly Manifest[] = [
  { kind: 'Issuer', name: 'company-self-signed', spec: { selfSigned: {} } },
  {
    kind: 'Certificate',
    name: 'company-ca',
    spec: { secretName: 'company-ca', commonName: 'company', isCA: true, issuerRef: { name: 'company-self-signed' } },
  },
  { kind: 'Issuer', name: 'company', spec: { ca: { secretName: 'company-ca' } } },
].map(({ kind, name, spec }) => ({
  apiVersion: 'cert-manager.io/v1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
}));
const BY_CERT_MANAGER = ['--set', 'webhook.certificate.certManager.enabled=true'];

describe('a webhook with certificates by cert-manager', () => {
  const cluster = useCluster();
  let helm: Helm;
  let certManager: CertManager | undefined;
  before(async () => {
    helm = await cluster.helm(4);
    certManager = await startCertManager(cluster.plane);
  });
  after(async () => {
    await helm.run('uninstall', NAME, '--namespace', NAMESPACE, '--wait');
    for (const path of [CERTIFICATE, AUTHORITY, COMPANY_AUTHORITY]) await cluster.api.send('DELETE', path);
    await certManager?.stop();
    await cluster.removeCrds();
  });
  const needsGo = (t: { skip(why: string): void }): boolean => {
    if (certManager === undefined) t.skip('cert-manager is built with Go, which is not here');
    return certManager === undefined;
  };

  const text = (base64: string): string => Buffer.from(base64, 'base64').toString();
  /** The writer of caBundle according to the API server. */
  const writers = async (): Promise<readonly string[]> => {
    const { metadata } = await cluster.api.must('GET', CONFIGURATION);
    return metadata.managedFields
      .filter(({ fieldsV1 }: { fieldsV1: object }) => JSON.stringify(fieldsV1).includes('f:caBundle'))
      .map(({ manager }: { manager: string }) => manager);
  };
  const isInjected = async (): Promise<void> =>
    void (await eventually(async () => {
      const { data } = await cluster.api.must('GET', CERTIFICATE);
      const { webhooks } = await cluster.api.must('GET', CONFIGURATION);
      // It leaves those in there that are still good.
      assert.ok(text(webhooks[0].clientConfig.caBundle ?? '').includes(text(data['ca.crt'])));
      assert.deepEqual(await writers(), ['cert-manager-cainjector']);
      return true;
    }, 20_000));

  test('is ready when install --wait ends, and is trusted by the authority that cert-manager wrote', async (t) => {
    if (needsGo(t)) return;
    await helm.must('install', NAME, ...cluster.here, ...BY_CERT_MANAGER);
    await isInjected();
    await webhookAnswers(cluster);
    assert.ok(!cluster.pods.output().includes('The webhook has trouble'), cluster.pods.output());
  });

  test('is trusted all the time while a certificate is renewed', async (t) => {
    if (needsGo(t)) return;
    const { metadata, data } = await cluster.api.must('GET', CERTIFICATE);
    await cluster.api.must('DELETE', CERTIFICATE);
    const renewed = await eventually(async () => {
      const found = await cluster.find(CERTIFICATE);
      return found?.data?.['tls.crt'] ? found : undefined;
    }, 20_000);
    assert.notEqual(renewed.metadata.uid, metadata.uid);
    assert.notEqual(renewed.data['tls.crt'], data['tls.crt']);
    assert.equal(renewed.data['ca.crt'], data['ca.crt']);
    // The pod still serves the former one.
    await webhookAnswers(cluster);
    await isInjected();
  });

  test('has its authority written again by cert-manager, not by the operator, when a user empties it', async (t) => {
    if (needsGo(t)) return;
    const webhooks = [{ name: 'pullsecrets.aws.zakariaamine.com', clientConfig: { caBundle: null } }];
    await cluster.api.must('PATCH', CONFIGURATION, { webhooks }, 'application/strategic-merge-patch+json');
    await isInjected();
    await webhookAnswers(cluster);
  });

  test('changes to certificates of its own by an upgrade, and back', async (t) => {
    if (needsGo(t)) return;
    await helm.must('upgrade', NAME, ...cluster.here);
    await webhookAnswers(cluster);
    assert.deepEqual(await writers(), [NAME]);
    await helm.must('upgrade', NAME, ...cluster.here, ...BY_CERT_MANAGER);
    await isInjected();
    await webhookAnswers(cluster);
  });

  test('gets its certificate from an issuer that is there already, and makes no authority then', async (t) => {
    if (needsGo(t)) return;
    await applyObjects(cluster.api, COMPANY);
    const authority = await eventually(async () => (await cluster.find(COMPANY_AUTHORITY))?.data?.['tls.crt'], 20_000);
    const issuer = JSON.stringify({ name: 'company', kind: 'Issuer' });
    const flags = [...BY_CERT_MANAGER, '--set-json', `webhook.certificate.certManager.issuerRef=${issuer}`];
    await helm.must('upgrade', NAME, ...cluster.here, ...flags);
    await eventually(async () => {
      const { data } = await cluster.api.must('GET', CERTIFICATE);
      assert.equal(data['ca.crt'], authority);
      return true;
    }, 20_000);
    await isInjected();
    await webhookAnswers(cluster);
    const { items } = await cluster.api.must('GET', `/apis/cert-manager.io/v1/namespaces/${NAMESPACE}/issuers`);
    const names = items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
    assert.deepEqual(names.toSorted(), ['company', 'company-self-signed']);
  });
});
