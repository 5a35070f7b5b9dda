// Objects, offered or referenced Secrets and labels that users put into a cluster, far beyond what the operator keeps.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { DOCKER_CONFIG_TYPE, MANAGED_BY_LABEL, OPERATOR_NAME } from '../../src/api/names.ts';
import { METRIC } from '../../src/operator/telemetry/metric-catalogue.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import type { OperatorProcess } from '../../testing/operator/operator-process.ts';
import { CLUSTER_PATH, GOOD_KEY, NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret, KEYS } from '../scenario/manifests.ts';
import { IS_LONG, useLoad } from './rig.ts';

/** `--objects-per-namespace`; ten times as many are sent. */
const QUOTA = IS_LONG ? 500 : 60;
/** 27 KB each, ten times the quota of a namespace: 8 KiB for each object of the quota. */
const MAXIMAL = IS_LONG ? 2_000 : 200;
/** With 200 hosts of 240 characters each. */
const OFFERED = IS_LONG ? 2_500 : 500;
const HOSTS_EACH = 200;
/** With a megabyte of labels each, 26 times as many as are kept. */
const LABELLED = IS_LONG ? 150 : 40;
const LABELS_EACH = 2_600;
/** Referenced Secrets of a megabyte each. */
const REFERENCED = IS_LONG ? 400 : 100;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const hostNumber = (index: number): string =>
  `${'h'.repeat(60)}.${'h'.repeat(60)}.${'h'.repeat(60)}.${'h'.repeat(50)}${String(index).padStart(6, '0')}.com`;

// Rule 14
describe('a cluster full of', () => {
  const load = useLoad();
  const env = { ECR_OPERATOR_OBJECTS_PER_NAMESPACE: String(QUOTA) };
  /** Floods while others are served, then starts an operator that finds all of it and serves them too. */
  const flood = async (
    send: () => Promise<void>,
    isTold: (operator: OperatorProcess) => Promise<void>,
  ): Promise<string> => {
    let isOver = false;
    let others = 0;
    const most = await load.during(async (operator) => {
      const sending = send().finally(() => {
        isOver = true;
      });
      [others] = await Promise.all([load.servesUntil(() => isOver), sending]);
      await isTold(operator);
    }, env);
    const again = await load.during(async (operator) => {
      await load.serves();
      await isTold(operator);
    }, env);
    return `${others} others served meanwhile, ${Math.round(most / 1e6)} MB at most, ${Math.round(again / 1e6)} MB when started again`;
  };
  const waiting = (operator: OperatorProcess): Promise<number> => operator.metric(METRIC.objectsWaiting.name);

  test(`small objects, ${10 * QUOTA} in a namespace with a quota of ${QUOTA}, lets the others wait and says so`, async (t) => {
    const namespace = await load.createNamespace();
    const words = await flood(
      () =>
        load.each(numbers(10 * QUOTA), (index) =>
          createPullSecret(load.api, namespace, `small-${index}`, { secretName: `small-${index}` }),
        ),
      async (operator) => {
        await eventually(async () => ((await waiting(operator)) === 9 * QUOTA ? true : undefined), 60_000);
        const last = NAMESPACED_PATH(namespace, `small-${10 * QUOTA - 1}`);
        assert.match(await load.isToldOf(last, 'NamespaceQuotaExceeded'), /--objects-per-namespace/);
      },
    );
    t.diagnostic(words);
  });

  test(`the largest objects, ${MAXIMAL} of 27 KB in a namespace, keeps as many as the quota allows`, async (t) => {
    const namespace = await load.createNamespace();
    const hosts = numbers(100).map(hostNumber);
    const awsAccess = { region: 'eu-west-1', secretRef: { name: 'none' } };
    const room = Math.ceil((QUOTA * 8 * 1_024) / 24_000);
    const words = await flood(
      () =>
        load.each(numbers(MAXIMAL), (index) =>
          createPullSecret(load.api, namespace, `maximal-${index}`, {
            secretName: `maximal-${index}`,
            registries: { hosts },
            awsAccess,
          }),
        ),
      async (operator) => {
        await eventually(async () => ((await waiting(operator)) >= MAXIMAL - room ? true : undefined), 60_000);
      },
    );
    t.diagnostic(words);
  });

  test(`offered secrets, ${OFFERED} with ${HOSTS_EACH} hosts each, keeps none of these hosts`, async (t) => {
    const namespace = await load.createNamespace();
    const offer = (index: number): object => ({
      type: DOCKER_CONFIG_TYPE,
      metadata: {
        name: `offer-${index}`,
        labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME },
        annotations: { 'aws.zakariaamine.com/adopt': 'AWSECRImagePullSecret/nobody' },
      },
      data: {
        '.dockerconfigjson': base64(
          JSON.stringify({
            auths: Object.fromEntries(
              numbers(HOSTS_EACH).map((host) => [hostNumber(index * HOSTS_EACH + host), {}] as const),
            ),
          }),
        ),
      },
    });
    const words = await flood(
      () => load.each(numbers(OFFERED), (index) => load.api.must('POST', SECRET_PATH(namespace), offer(index))),
      async (operator) => {
        const inMemory = await operator.metric(METRIC.watchedObjects.name, (series) => series.includes('"secrets"'));
        assert.ok(inMemory >= OFFERED, String(inMemory));
      },
    );
    t.diagnostic(words);
  });

  test(`namespaces, ${LABELLED} with a megabyte of labels each, decides nothing on labels that it did not keep`, async (t) => {
    after(() => load.api.must('DELETE', CLUSTER_PATH()));
    // Kubernetes bounds the length of a label, and not their number.
    const prefix = numbers(4)
      .map(() => 'x'.repeat(62))
      .join('.');
    const labels = Object.fromEntries(
      numbers(LABELS_EACH).map((index) => [`${prefix}/${'x'.repeat(58)}${index}`, 'x'.repeat(63)] as const),
    );
    const made: string[] = [];
    const matchExpressions = [{ key: 'zzz-not-for-us', operator: 'DoesNotExist' }];
    await createClusterPullSecret(load.api, 'selecting', {
      secretName: 'selected',
      namespaceSelector: { matchLabels: { flooded: 'yes' }, matchExpressions },
    });
    const words = await flood(
      () =>
        load.each(numbers(LABELLED), async () => {
          made.push(await load.api.createNamespace({ ...labels, flooded: 'yes' }));
        }),
      async () => {
        await eventually(async () => {
          const { status } = await load.api.must('GET', CLUSTER_PATH('selecting'));
          const told = JSON.stringify(status ?? {});
          return told.includes('TooManyLabels') && status.problems.count === LABELLED ? true : undefined;
        });
        assert.equal((await load.api.get(SECRET_PATH(made[0] ?? '', 'selected'))).status, 404);
      },
    );
    t.diagnostic(words);
    // No controller deletes namespaces here; they need not stay so large.
    await load.each(made, (name) =>
      load.api.must(
        'PUT',
        `/api/v1/namespaces/${name}`,
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
        'application/json',
      ),
    );
  });

  test(`references to ${REFERENCED} secrets of a megabyte reads few of them at once, and others' between them`, async (t) => {
    const namespace = await load.createNamespace();
    const data = {
      AWS_ACCESS_KEY_ID: base64(GOOD_KEY.accessKeyId),
      AWS_SECRET_ACCESS_KEY: base64(KEYS.secretAccessKey),
      more: Buffer.alloc(1_000_000, 'x').toString('base64'),
    };
    await load.each(numbers(REFERENCED), (index) =>
      load.api.must('POST', SECRET_PATH(namespace), { metadata: { name: `keys-${index}` }, data }),
    );
    await load.each(numbers(REFERENCED), (index) =>
      createPullSecret(load.api, namespace, `referring-${index}`, {
        secretName: `referring-${index}`,
        awsAccess: { region: 'eu-west-1', secretRef: { name: `keys-${index}` } },
      }),
    );
    let asked = 0;
    let waited = 0;
    let others = 0;
    const most = await load.during(async (operator) => {
      const reads = (state: string): Promise<number> =>
        operator.metric(METRIC.readsUnderWay.name, (series) => series.includes(`"${state}"`));
      const ready = (): Promise<number> =>
        operator.metric(METRIC.secrets.name, (series) => series.includes('state="ready"'));
      others = await load.servesUntil(async () => {
        asked = Math.max(asked, await reads('asked'));
        waited = Math.max(waited, await reads('waiting'));
        return (await ready()) >= Math.min(REFERENCED, QUOTA);
      });
    }, env);
    assert.ok(asked <= 2, String(asked));
    assert.ok(waited > 0);
    t.diagnostic(`${others} others served meanwhile, ${Math.round(most / 1e6)} MB at most`);
  });
});
