// The webhook of a release, reached as in every cluster: the API server dials the chart's Service, and trusts the pod
// behind it by the names and the authority on which chart and operator must agree.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { type Authority, makeAuthority } from '../../testing/network/self-signed.ts';
import { SECRET_PATH } from '../../testing/operator/world.ts';
import type { Helm } from '../../testing/tools/helm/helm.ts';
import {
  apply,
  applyForNoNamespace,
  assertLetThrough,
  assertRefused,
  assertWarned,
  webhookAnswers,
} from './admission.ts';
import { NAMESPACE, useCluster } from './cluster.ts';

const NAME = 'kube-ecr-secrets-operator';
const CONFIGURATION = (name: string): string =>
  `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${name}`;
/** Its name when the chart names the authority. */
const GIVEN = `${NAME}-given`;
const CERTIFICATE = 'webhook-certificate';

for (const major of [4, 3] as const) {
  describe(`the webhook of a release by Helm ${major}`, () => {
    const cluster = useCluster();
    let helm: Helm;
    let namespace = '';
    const where = ['--namespace', NAMESPACE];
    const upgrade = async (...flags: readonly string[]): Promise<string> =>
      await helm.must('upgrade', NAME, ...cluster.here, ...flags);

    before(async () => {
      helm = await cluster.helm(major);
      namespace = await cluster.api.createNamespace();
    });
    after(async () => {
      // Left by a test that failed.
      for (const release of [NAME, 'other']) await helm.run('uninstall', release, ...where, '--wait');
      await cluster.api.send('DELETE', SECRET_PATH(NAMESPACE, CERTIFICATE));
      await cluster.removeCrds();
    });

    const bundle = async (name = NAME): Promise<string> => {
      const { webhooks } = await cluster.api.must('GET', CONFIGURATION(name));
      return Buffer.from(webhooks[0].clientConfig.caBundle ?? '', 'base64').toString();
    };
    const serveBy = async (authority: Authority): Promise<readonly string[]> => {
      const { certificate, key } = authority.issue(`${NAME}-webhook.${NAMESPACE}.svc`);
      await cluster.api.must('POST', SECRET_PATH(NAMESPACE), {
        metadata: { name: CERTIFICATE },
        type: 'kubernetes.io/tls',
        stringData: { 'tls.crt': certificate, 'tls.key': key },
      });
      const values = { existingSecret: CERTIFICATE, caBundle: authority.certificate };
      return ['--set-json', `webhook.certificate=${JSON.stringify(values)}`];
    };

    test('refuses and warns through its Service when install --wait has ended', async () => {
      await helm.must('install', NAME, ...cluster.here);
      await webhookAnswers(cluster);
      assert.match(
        cluster.services.calls.at(-1) ?? '',
        new RegExp(`^${NAMESPACE}/${NAME}-webhook:443 -> 192\\.0\\.2\\.\\d+:\\d+$`),
      );
      assertWarned(await apply(cluster, namespace));
      const wrong = { secretAccessKey: 'ThisIsTheSecretKeyOfSomebodyElse/0123456' };
      assertRefused(
        await apply(cluster, namespace, wrong, 'wrong'),
        'aws credentials specified in .spec.awsAccess are invalid or missing permissions',
      );
    });

    test('lets everything pass while there is no pod, and refuses again when there is one', async () => {
      await upgrade('--set', 'replicas=0');
      // Helm 3 does not wait for the end of the pod, and no tool waits for the Service to notice it.
      await eventually(async () => {
        assertLetThrough(await applyForNoNamespace(cluster));
        assert.equal(cluster.services.calls.at(-1), `${NAMESPACE}/${NAME}-webhook:443 -> no ready pod`);
        return true;
      }, 30_000);
      assertLetThrough(await apply(cluster, namespace));
      await upgrade();
      await webhookAnswers(cluster);
    });

    test('is reached at another port after an upgrade, and at the old one after a rollback', async () => {
      const before = await bundle();
      const port = await findFreePort();
      // A pod that is ending serves a moment longer.
      const answersAt = async (isNew: boolean): Promise<boolean | undefined> => {
        await webhookAnswers(cluster);
        return cluster.services.calls.at(-1)?.endsWith(`:${port}`) === isNew || undefined;
      };
      await upgrade('--set', `webhook.port=${port}`);
      await eventually(() => answersAt(true));
      await helm.must('rollback', NAME, ...where, '--wait', '--timeout', '60s');
      await eventually(() => answersAt(false));
      assert.equal(await bundle(), before);
    });

    test('takes a certificate from another source in place of its own, and its own again', async () => {
      const authority = makeAuthority();
      const flags = await serveBy(authority);
      await upgrade(...flags);
      await webhookAnswers(cluster);
      assert.equal(await bundle(GIVEN), authority.certificate);
      assert.equal(await cluster.find(CONFIGURATION(NAME)), undefined);
      await upgrade();
      await webhookAnswers(cluster);
      assert.equal(await cluster.find(CONFIGURATION(GIVEN)), undefined);
      await helm.must('uninstall', NAME, ...where, '--wait');
    });

    test('exists under other names, with a certificate from another source from the start', async () => {
      await cluster.api.must('DELETE', SECRET_PATH(NAMESPACE, CERTIFICATE));
      await helm.must('install', 'other', ...cluster.here, '--take-ownership', '--set', 'fullnameOverride=ecr');
      await webhookAnswers(cluster);
      assert.match(cluster.services.calls.at(-1) ?? '', new RegExp(`^${NAMESPACE}/ecr-webhook:443 -> `));
      await helm.must('uninstall', 'other', ...where, '--wait');
      const authority = makeAuthority();
      await helm.must('install', NAME, ...cluster.here, '--take-ownership', ...(await serveBy(authority)));
      await webhookAnswers(cluster);
      assert.equal(await bundle(GIVEN), authority.certificate);
      await helm.must('uninstall', NAME, ...where, '--wait');
    });
  });
}
