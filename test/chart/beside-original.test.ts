// The Go project's operator at work while this one is installed, and beside it afterwards: it goes on renewing in its
// own way, with its own shape of Secrets and status. Every Secret stays, with a good login; no object is lost; and the
// two come to rest.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { API_VERSION, LEGACY_API_VERSION } from '../../src/api/names.ts';
import { HOUR } from '../../src/lib/time.ts';
import { type ObjectWatch, watchObjects } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { CLUSTER_PATH, LEGACY_PATH, NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { endNode, startNode } from '../../testing/process/node-process.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import type { Helm } from '../../testing/tools/helm/helm.ts';
import { ACCESS } from '../scenario/manifests.ts';
import { NAMESPACE, useCluster } from './cluster.ts';
import { makeOriginalChart, ORIGINAL_CERTIFICATE, ORIGINAL_WEBHOOK_SERVICE } from './original-release.ts';
import { ORIGINAL_PROGRAM } from './pods.ts';
import { type SecretSamples, sampleSecrets } from './secret-samples.ts';

const NAME = 'kube-ecr-secrets-operator';
const WEBHOOK = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${NAME}-mutating-webhook-configuration`;
/**
 * Each renewal by this operator makes the Go project renew too, and this operator restores the Secret: long enough that
 * it does not do so ten times within the test, after which it would wait for minutes.
 */
const TOKEN_LIFE_MS = 60_000;
/** Ends of the Go project's logins while it runs beside this operator; few, for the same reason. */
const ROUNDS = 2;
/** In one of the seconds, to three Secrets and three objects, by both; an endless fight has that many in a second. */
const MOST_WRITES = 60;
/** Without a write for so long they are at rest: each would answer within some milliseconds. */
const QUIET_MS = 2_000;

describe('the operator beside the Go project', () => {
  const cluster = useCluster();
  let helm: Helm;
  let namespace = '';
  let probes = 0;
  let samples: SecretSamples;
  let watches: readonly ObjectWatch[] = [];
  let beside: ChildProcess | undefined;
  const secretNames = ['one', 'several', 'old'];

  const objects = (): readonly string[] => [
    NAMESPACED_PATH(namespace, 'one'),
    CLUSTER_PATH(`several-${namespace}`),
    CLUSTER_PATH(`old-${namespace}`),
  ];
  /** Of Secrets and objects, by both. */
  const writes = (): number => watches.reduce((sum, { events }) => sum + events().length, 0);
  const renewByTheGoProject = async (): Promise<void> =>
    void (await fetch(`http://127.0.0.1:${probes}/renew`).catch(() => undefined));
  /**
   * In this operator's words: the Go project's status has no logins. How often the two answer each other is a matter of
   * chance; an operator that has restored a Secret nine times waits for 16 s, ten times for 32 s.
   */
  const isReadyByOurs = async (path: string): Promise<void> =>
    void (await eventually(async () => {
      const { status } = await cluster.api.must('GET', path);
      const ready = status?.conditions?.find(({ type }: { type: string }) => type === 'Ready');
      assert.equal(ready?.status, 'True', JSON.stringify(status));
      assert.ok(status.logins?.length > 0);
      const { metadata } = await cluster.api.must('GET', path);
      assert.equal(ready.observedGeneration, metadata.generation);
      return true;
    }, 120_000));
  const untilLoginsEndAfter = async (instant: number): Promise<void> => {
    for (const name of secretNames)
      await eventually(async () => {
        const { metadata } = await cluster.api.must('GET', SECRET_PATH(namespace, name));
        return Date.parse(metadata.annotations.expiry) > instant ? true : undefined;
      }, 60_000);
  };

  before(async () => {
    helm = await cluster.helm(process.env['BESIDE_ORIGINAL_HELM'] === '3' ? 3 : 4);
    namespace = await cluster.api.createNamespace();
    cluster.aws.setTokenLife(TOKEN_LIFE_MS);
    const authority = makeAuthority();
    const { certificate, key } = authority.issue(`${ORIGINAL_WEBHOOK_SERVICE}.${NAMESPACE}.svc`);
    await cluster.api.must('POST', SECRET_PATH(NAMESPACE), {
      metadata: { name: ORIGINAL_CERTIFICATE },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': certificate, 'tls.key': key },
    });
    probes = await findFreePort();
    const chart = makeOriginalChart({ webhook: await findFreePort(), probes });
    await helm.must('install', NAME, chart, '--namespace', NAMESPACE, '--wait', '--timeout', '60s');
    const { webhooks } = await cluster.api.must('GET', WEBHOOK);
    webhooks[0].clientConfig.caBundle = Buffer.from(authority.certificate).toString('base64');
    await cluster.api.merge(WEBHOOK, { webhooks });
  });
  after(async () => {
    if (beside) await endNode(beside, 'SIGKILL');
    samples?.stop();
    for (const watch of watches) watch.stop();
    await helm.run('uninstall', NAME, '--namespace', NAMESPACE, '--wait');
    await cluster.api.send('DELETE', SECRET_PATH(NAMESPACE, ORIGINAL_CERTIFICATE));
    const finalizers = { metadata: { finalizers: null } };
    await cluster.api.send('PATCH', LEGACY_PATH(`old-${namespace}`), finalizers, 'application/merge-patch+json');
    await cluster.removeCrds();
  });

  test('starts after the Go project has made its Secrets by itself, from objects that passed its webhook', async () => {
    const create = async (
      path: string,
      kind: string,
      apiVersion: string,
      name: string,
      spec: object,
    ): Promise<void> => {
      const object = { apiVersion, kind, metadata: { name }, spec: { awsAccess: ACCESS, ...spec } };
      // It takes a moment until the API server trusts the webhook.
      await eventually(async () => {
        const { status, body } = await cluster.api.send('POST', path, object);
        assert.equal(status, 201, body.message);
        return true;
      });
    };
    const namespaces = [namespace];
    await create(NAMESPACED_PATH(namespace), 'AWSECRImagePullSecret', API_VERSION, 'one', { secretName: 'one' });
    const several = `several-${namespace}`;
    const spec = { secretName: 'several', namespaces };
    await create(CLUSTER_PATH(), 'ClusterAWSECRImagePullSecret', API_VERSION, several, spec);
    const old = { secretName: 'old', namespaces, awsAccess: { ...ACCESS, ...inBase64(ACCESS) } };
    await create(LEGACY_PATH(), 'AWSECRCredential', LEGACY_API_VERSION, `old-${namespace}`, old);
    const stored = await cluster.api.must('GET', NAMESPACED_PATH(namespace, 'one'));
    assert.deepEqual(stored.spec.awsAccess, { ...ACCESS, ...inBase64(ACCESS) });
    for (const name of secretNames)
      await eventually(async () => (await cluster.find(SECRET_PATH(namespace, name))) ?? undefined);
    samples = await sampleSecrets(cluster.api, namespace, secretNames);
  });

  test('loses nothing in its installation while the Go project renews all the time', async () => {
    const upgraded = new AbortController();
    const renewing = (async () => {
      while (!upgraded.signal.aborted) {
        await renewByTheGoProject();
        await new Promise((resolve) => void setTimeout(resolve, 50));
      }
    })();
    const flags = ['--take-ownership', '--set', 'legacyConversion.enabled=true'];
    await helm.must('upgrade', NAME, ...cluster.here, ...flags);
    upgraded.abort();
    await renewing;
    for (const path of objects()) await isReadyByOurs(path);
    // The garbage collector, which must let go of its Secrets first, looks for new CRDs twice a minute.
    await eventually(async () => {
      const found = await cluster.find(LEGACY_PATH(`old-${namespace}`));
      return found === undefined || found.metadata.deletionTimestamp !== undefined ? true : undefined;
    });
    samples.assertKept();
    samples.fromNowOnGood();
  });

  test('sees no Secret taken away and no login left to end when the Go project starts again', async () => {
    const account = makeTemporaryFolder('account');
    writeFileSync(join(account, 'token'), cluster.plane.adminToken, { mode: 0o600 });
    writeFileSync(join(account, 'ca.crt'), cluster.plane.certificateAuthority);
    const { hostname, port } = new URL(cluster.plane.url);
    beside = startNode([ORIGINAL_PROGRAM, `--probe-port=${probes}`], {
      AWS_ENDPOINT_URL_ECR: cluster.aws.url,
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      ECR_OPERATOR_SERVICE_ACCOUNT_FOLDER: account,
    });
    for (const stream of [beside.stdout, beside.stderr]) stream?.resume();
    // Not earlier: watches end when a CRD changes.
    const collections = [SECRET_PATH(namespace), NAMESPACED_PATH(namespace), CLUSTER_PATH()];
    watches = await Promise.all(
      collections.map(async (path) => {
        const { metadata } = await cluster.api.must('GET', path);
        return watchObjects(cluster.plane, path, metadata.resourceVersion);
      }),
    );
    const before = writes();
    for (let round = 0; round < ROUNDS; round += 1) {
      const known = samples.writes();
      await renewByTheGoProject();
      await eventually(() => (samples.writes() > known ? true : undefined));
      for (const path of objects()) await isReadyByOurs(path);
    }
    // Renewed by either once more, after all of that.
    await untilLoginsEndAfter(Date.now() + TOKEN_LIFE_MS + 1_000);
    for (const path of objects()) await isReadyByOurs(path);
    samples.assertKept();
    samples.assertGood();
    // Its start is a reconciliation too. Each of the two answers the other a few times, and then no more.
    const made = writes() - before;
    assert.ok(made > 0 && made <= (ROUNDS + 1) * MOST_WRITES, `${made} writes`);
  });

  test('comes to rest, and so does the Go project', async () => {
    cluster.aws.setTokenLife(12 * HOUR);
    await renewByTheGoProject();
    await untilLoginsEndAfter(Date.now() + HOUR);
    for (const path of objects()) await isReadyByOurs(path);
    await eventually(async () => {
      const known = writes();
      await new Promise((resolve) => void setTimeout(resolve, QUIET_MS));
      return writes() === known ? true : undefined;
    }, 60_000);
    samples.assertKept();
    samples.assertGood();
  });

  test('owns everything once the Go project is stopped', async () => {
    if (beside) await endNode(beside);
    for (const path of objects()) await isReadyByOurs(path);
    const owners: string[] = [];
    for (const name of secretNames) {
      const { metadata } = await cluster.api.must('GET', SECRET_PATH(namespace, name));
      assert.equal(metadata.labels['app.kubernetes.io/managed-by'], NAME);
      owners.push(...metadata.ownerReferences.map(({ uid }: { uid: string }) => uid));
    }
    const uids = objects().map(async (path) => (await cluster.find(path)).metadata.uid);
    assert.deepEqual(owners, await Promise.all(uids));
  });
});

function inBase64({ accessKeyId, secretAccessKey }: typeof ACCESS): object {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return { accessKeyId: encode(accessKeyId), secretAccessKey: encode(secretAccessKey) };
}
