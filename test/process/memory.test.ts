// What users may put into a cluster must not end the operator: run under the heap that the chart gives it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pLimit from 'p-limit';
import { DOCKER_CONFIG_TYPE, MANAGED_BY_LABEL, OPERATOR_NAME, RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { FOOTPRINT, type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { conditionOf, GOOD_KEY, NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { startNode } from '../../testing/process/node-process.ts';
import { createPullSecret } from '../scenario/manifests.ts';
import { ensureBundle } from './bundle.ts';

/** Secrets with much data, and with a type as long: the operator keeps neither. */
const LARGE = 50;
const LONG_TYPED = 60;
/** Secrets each of which is over the cap by itself. */
const TOO_LARGE = 10;
const OBJECTS = 100;
/** Nearly what a Secret may hold, 1 MiB, and what annotations may be, 256 KiB. */
const DATA = Buffer.alloc(1_000_000, 'x').toString('base64');
const ANNOTATION = 'x'.repeat(250 * 1024);
/** Reads all at once, as a client does that sets no limit. */
const NAIVE = `
  require('node:https').get(process.env.LIST, { ca: process.env.CA, headers: { authorization: process.env.AUTH } }, (answer) => {
    const chunks = [];
    answer.on('data', (chunk) => chunks.push(chunk));
    answer.on('end', () => JSON.parse(Buffer.concat(chunks).toString()));
  });`;

// Rule 14
describe('a cluster full of large objects', () => {
  let plane: ControlPlane;
  let api: TestApi;
  let aws: AwsStandIn;
  let operator: OperatorProcess;
  let namespace = '';
  const each = async (count: number, work: (index: number) => Promise<unknown>): Promise<void> => {
    const limit = pLimit(8);
    await Promise.all(Array.from({ length: count }, (_, index) => limit(() => work(index))));
  };
  const metadata = (name: string): object => ({
    metadata: { name, labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME } },
  });
  const start = async (): Promise<void> => {
    operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod', bundle: ensureBundle() });
  };
  /** Waits until the object is ready, or the operator has ended. */
  const isReady = async (name: string): Promise<void> => {
    await eventually(async () => {
      const { body } = await api.get(NAMESPACED_PATH(namespace, name));
      return operator.code !== undefined || conditionOf(body.status, 'Ready')?.status === 'True' ? true : undefined;
    }, 60_000);
    assert.equal(operator.code, undefined, operator.output());
  };

  before(async () => {
    plane = await startControlPlane();
    api = adminOf(plane);
    await installCrds(api);
    aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
    namespace = await api.createNamespace();
    await each(LARGE, (index) =>
      api.must('POST', SECRET_PATH(namespace), {
        ...metadata(`large-${index}`),
        type: DOCKER_CONFIG_TYPE,
        data: { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64'), large: DATA },
      }),
    );
    await each(LONG_TYPED, (index) =>
      api.must('POST', SECRET_PATH(namespace), { ...metadata(`long-typed-${index}`), type: 'x'.repeat(1_000_000) }),
    );
    // A type has no limit, and each `<` is six bytes of JSON.
    await each(TOO_LARGE, (index) =>
      api.must('POST', SECRET_PATH(namespace), { ...metadata(`too-large-${index}`), type: '<'.repeat(1_000_000) }),
    );
    await each(OBJECTS, (index) =>
      createPullSecret(
        api,
        namespace,
        `o-${index}`,
        { secretName: `s-${index}` },
        { [RECONCILE_AT_ANNOTATION]: ANNOTATION },
      ),
    );
    await start();
  });
  after(async () => {
    await operator.end('SIGKILL');
    await aws.stop();
    await plane.stop();
  });

  test('would have killed a reader of all of it under the same limit', async () => {
    const reader = startNode(['-e', NAIVE], {
      ...FOOTPRINT,
      LIST: `${plane.url}/api/v1/secrets`,
      CA: plane.certificateAuthority,
      AUTH: `Bearer ${plane.adminToken}`,
    });
    const ended = await new Promise((resolve) => reader.once('close', (code, signal) => resolve(signal ?? code)));
    assert.notEqual(ended, 0);
  });

  test('is served: every object gets its secret', async () => {
    await each(OBJECTS, (index) => isReady(`o-${index}`));
    // The API server has a status a moment before the operator knows that it was accepted.
    await eventually(async () => {
      assert.equal(await operator.metric('ecr_operator_secrets', (series) => series.includes('"ready"')), OBJECTS);
      return true;
    });
  });

  test('may change while the operator runs, every object of it', async () => {
    const touch = { metadata: { annotations: { touched: 'yes' } } };
    await each(LARGE, (index) => api.merge(SECRET_PATH(namespace, `large-${index}`), touch));
    await each(LONG_TYPED, (index) => api.merge(SECRET_PATH(namespace, `long-typed-${index}`), touch));
    await each(TOO_LARGE, (index) => api.merge(SECRET_PATH(namespace, `too-large-${index}`), touch));
    await each(OBJECTS, (index) => api.merge(NAMESPACED_PATH(namespace, `o-${index}`), touch));
    await createPullSecret(api, namespace, 'after', { secretName: 'after' });
    await isReady('after');
  });

  test('does not hinder a restart', async () => {
    await operator.end('SIGTERM');
    await start();
    await createPullSecret(api, namespace, 'again', { secretName: 'again' });
    await isReady('again');
    assert.equal((await operator.end('SIGTERM')).code, 0);
  });
});
