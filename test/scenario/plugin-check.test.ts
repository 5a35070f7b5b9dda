// `kubectl ecr-secrets check` on the real API server: each part of an installation, as it should be and otherwise.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { GROUP, OPERATOR_NAME } from '../../src/api/names.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import { useWorld } from '../../testing/operator/world.ts';
import { createNobody, type Ran, runPlugin } from './plugin-rig.ts';

const LABELS = { 'app.kubernetes.io/part-of': OPERATOR_NAME, 'app.kubernetes.io/component': 'operator' };
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${OPERATOR_NAMESPACE}/deployments`;
const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases`;
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const WEBHOOKS = `${ADMISSION}/validatingwebhookconfigurations`;

describe('check', () => {
  const world = useWorld();
  const check = (args: readonly string[] = [], token?: string): Promise<Ran> =>
    runPlugin(world, ['check', ...args], token);
  const deployed = async (readyReplicas: number, env: readonly object[] = []): Promise<void> => {
    await world.api.send('DELETE', `${DEPLOYMENTS}/check`);
    await world.api.must('POST', DEPLOYMENTS, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'check', labels: { ...LABELS, 'app.kubernetes.io/version': '1.2.3' } },
      spec: {
        replicas: 2,
        selector: { matchLabels: LABELS },
        template: { metadata: { labels: LABELS }, spec: { containers: [{ name: 'o', image: 'o', env }] } },
      },
    });
    await world.api.merge(`${DEPLOYMENTS}/check/status`, { status: { replicas: 2, readyReplicas } });
  };
  const webhook = async (caBundle: string | undefined, isOfChart = true): Promise<void> => {
    await world.api.send('DELETE', `${WEBHOOKS}/check`);
    await world.api.must('POST', WEBHOOKS, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'check', ...(isOfChart ? { labels: LABELS } : {}) },
      webhooks: [
        {
          name: 'check.example.com',
          clientConfig: {
            service: { name: 'none', namespace: 'default' },
            ...(caBundle === undefined ? {} : { caBundle }),
          },
          rules: [
            {
              apiGroups: [isOfChart ? 'none.example.com' : GROUP],
              apiVersions: ['*'],
              resources: ['none'],
              operations: ['CREATE'],
            },
          ],
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    });
  };

  before(async () => await deployed(2));
  after(async () => {
    await world.api.send('DELETE', `${DEPLOYMENTS}/check`);
    await world.api.send('DELETE', `${WEBHOOKS}/check`);
    await world.api.send('DELETE', `${LEASES}/check`);
  });

  test('finds all well in an installation that is', async () => {
    const { code, out } = await check();
    assert.equal(code, 0, out);
    const lines = [
      /^✔ the API server is reached; it is Kubernetes v1\./m,
      /^✔ the CRDs have every field that version test knows$/m,
      /^✔ 2 of 2 pods of Deployment check in namespace kube-system are ready, version 1\.2\.3$/m,
      /^✔ there is no webhook: /m,
      /^✔ \d+ admission policies confine what the operator may write$/m,
      /^✔ you may create an AWSECRImagePullSecret in namespace default$/m,
      /^✔ you may create a ClusterAWSECRImagePullSecret$/m,
    ];
    for (const line of lines) assert.match(out, line);
    assert.equal(out.trimEnd().split('\n').length, lines.length);
  });

  test('says how to mend a Deployment without pods, and waits for it when asked to', async () => {
    await deployed(0);
    const { code, out } = await check();
    assert.equal(code, 1);
    assert.match(out, /^✖ 0 of 2 pods of .* are ready: kubectl describe deployment check -n kube-system says why$/m);
    const waiting = check(['--wait', '30']);
    await deployed(2);
    assert.equal((await waiting).code, 0);
  });

  test('names the leader of an installation that elects one, and misses it when there is none', async () => {
    await deployed(2, [
      { name: 'ECR_OPERATOR_LEADER_ELECT', value: 'true' },
      { name: 'ECR_OPERATOR_LEADER_ELECT_RESOURCE_NAME', value: 'check' },
    ]);
    await world.api.must('POST', LEASES, {
      metadata: { name: 'check' },
      spec: {
        holderIdentity: 'pod-1',
        leaseDurationSeconds: 15,
        renewTime: new Date().toISOString().replace('Z', '000Z'),
      },
    });
    assert.match((await check()).out, /^✔ replica pod-1 leads, by the Lease check in namespace kube-system$/m);
    await deployed(2);
  });

  test('says what is wrong with the authority of the webhook', async () => {
    const authority = Buffer.from(makeAuthority().certificate).toString('base64');
    const nonsense = Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n').toString('base64');
    for (const [bundle, code, words] of [
      [undefined, 1, /^✖ the webhook configuration check has no authority \(caBundle\)/m],
      [authority, 0, /^✔ the webhook configuration check trusts an authority that holds until 2\d{3}-/m],
    ] as const) {
      await webhook(bundle);
      const said = await check();
      assert.equal(said.code, code);
      assert.match(said.out, words);
    }
    // One that an administrator made, as docs/webhook.md has it.
    await webhook(authority, false);
    assert.match((await check()).out, /^✔ the webhook configuration check trusts an authority that holds until 2/m);
    await webhook(nonsense);
    assert.match(
      (await check()).out,
      /^✖ the authority \(caBundle\) of the webhook configuration check is no certificate: /m,
    );
    await world.api.send('DELETE', `${WEBHOOKS}/check`);
  });

  test('tells whoever may only view what could not be looked at, and finds nothing wrong in that', async () => {
    const namespace = await world.api.createNamespace();
    const { code, out } = await check(['-n', namespace], await createNobody(world.api, namespace));
    assert.equal(code, 0, out);
    for (const words of [
      'you may not list Deployments',
      'you may not list webhook',
      'you may not list admission',
      'you may not create',
    ])
      assert.match(out, new RegExp(`^– ${words}`, 'm'));
  });

  test('takes no name, and a time that is one', async () => {
    for (const args of [['x'], ['--wait', 'soon'], ['--wait', '-1']])
      assert.equal((await check(args)).code, 2, args.join(' '));
    const { findings } = JSON.parse((await check(['-o', 'json'])).out);
    assert.ok(findings.every(({ isWell }: { isWell: boolean }) => isWell));
  });
});
