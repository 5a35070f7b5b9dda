// Objects that want, or refer to, as much as they may must not end the operator: run under the heap that the chart
// gives it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pLimit from 'p-limit';
import { API_VERSION, NAMESPACED_KIND } from '../../src/api/names.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { GOOD_KEY, NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from '../scenario/manifests.ts';
import { ensureBundle } from './bundle.ts';

const COUNT = 60;
/** Kept whole, they alone would exceed the heap. */
const LABELLED = 45;
/** As many as an object may have; each holds a token of its own in the Secret, which has nearly 1 MiB by them. */
const HOSTS = Array.from({ length: 100 }, (_, at) => `h${at}.example.com`);

// Rule 14
describe('an operator that is started', () => {
  let plane: ControlPlane;
  let api: TestApi;
  let aws: AwsStandIn;
  let operator: OperatorProcess | undefined;
  let namespace = '';
  before(async () => {
    plane = await startControlPlane();
    api = adminOf(plane);
    await installCrds(api);
    aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
    namespace = await api.createNamespace();
  });
  after(async () => {
    await operator?.end('SIGKILL');
    await aws.stop();
    await plane.stop();
  });

  const each = async (work: (index: number) => Promise<unknown>, count = COUNT): Promise<void> => {
    const limit = pLimit(8);
    await Promise.all(Array.from({ length: count }, (_, index) => limit(() => work(index))));
  };
  /** Starts it, and waits until every object has its Secret, or it has ended. */
  const serves = async (objects: number): Promise<void> => {
    const started = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod', bundle: ensureBundle() });
    operator = started;
    await eventually(async () => {
      if (started.code !== undefined) return true;
      const ready = await started.metric('ecr_operator_secrets', (series) => series.includes('state="ready"'));
      return ready === objects ? true : undefined;
    }, 180_000);
    assert.equal(started.code, undefined, started.output());
    await started.end('SIGTERM');
  };

  test('among objects that all refer to a secret of a megabyte serves them', async () => {
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const data = {
      AWS_ACCESS_KEY_ID: base64(GOOD_KEY.accessKeyId),
      AWS_SECRET_ACCESS_KEY: base64(GOOD_KEY.secretAccessKey),
      more: Buffer.alloc(1_000_000, 'x').toString('base64'),
    };
    await each((index) => api.must('POST', SECRET_PATH(namespace), { metadata: { name: `keys-${index}` }, data }));
    await each((index) =>
      createPullSecret(api, namespace, `referring-${index}`, {
        awsAccess: { region: 'eu-west-1', secretRef: { name: `keys-${index}` } },
        secretName: `referring-${index}`,
      }),
    );
    await serves(COUNT);
  });

  test('among objects that all want a secret of nearly a megabyte serves them', async () => {
    await each((index) =>
      createPullSecret(api, namespace, `large-${index}`, {
        secretName: `large-${index}`,
        registries: { hosts: HOSTS },
      }),
    );
    await serves(2 * COUNT);
  });

  test('among objects that all have a megabyte of labels serves them', async () => {
    // Kubernetes bounds the length of a label, and not their number.
    const prefix = Array.from({ length: 4 }, () => 'x'.repeat(62)).join('.');
    const labels = Object.fromEntries(
      Array.from({ length: 2_600 }, (_, at) => [`${prefix}/${'x'.repeat(58)}${at}`, 'x'.repeat(63)]),
    );
    const labelled = async (index: number): Promise<unknown> =>
      await api.must('POST', NAMESPACED_PATH(namespace), {
        apiVersion: API_VERSION,
        kind: NAMESPACED_KIND,
        metadata: { name: `labelled-${index}`, labels },
        spec: { awsAccess: ACCESS, secretName: `labelled-${index}` },
      });
    await each(labelled, LABELLED);
    await serves(2 * COUNT + LABELLED);
  });
});
