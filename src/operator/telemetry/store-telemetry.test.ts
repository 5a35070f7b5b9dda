// Covers the metrics of objects and their Secrets, and that their number is bounded whatever users create.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { after, findings, login, pullSecret, START, spec } from '../../../testing/rigs/builders.ts';
import { createTestView } from '../../../testing/rigs/view-rig.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../../api/names.ts';
import type { PullSecretStatus } from '../../api/schema.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { keyOf } from '../../core/resource.ts';
import { nextStatus } from '../../core/status.ts';
import { createMetrics } from '../../lib/metrics.ts';
import { HOUR } from '../../lib/time.ts';
import { observeStores } from './store-telemetry.ts';

function start(perObject: number) {
  const clock = createManualClock(START);
  const metrics = createMetrics();
  const { view, stores } = createTestView();
  let shown = true;
  observeStores(metrics, {
    view,
    clock,
    perObject,
    sizes: new Map([['secrets', view.secrets]]),
    isShown: () => shown,
  });
  let version = 0;
  return {
    clock,
    show: (isShown: boolean): void => {
      shown = isShown;
    },
    put: (object: PullSecretObject): void => {
      version += 1;
      const store = object.kind === CLUSTER_KIND ? stores.cluster : stores.namespaced;
      store.apply(keyOf(object), { ...object, resourceVersion: String(version) }, String(version));
    },
    values: async (name: string): Promise<Readonly<Record<string, number>>> =>
      Object.fromEntries(
        (await metrics.read(name)).map(({ labels, value }) => [Object.values(labels).join(' '), value]),
      ),
    series: async (): Promise<readonly string[]> =>
      (await metrics.text()).body.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
  };
}

/** An object of its own name, namespace and region. */
function numbered(index: number, status: PullSecretStatus = READY): PullSecretObject {
  const cluster = index % 2 === 1;
  const object = pullSecret(cluster ? CLUSTER_KIND : NAMESPACED_KIND, spec({}, { region: `xx-made-${index}` }));
  return { ...object, name: `o${index}`, namespace: cluster ? undefined : `n${index}`, uid: `uid-${index}`, status };
}

const READY = nextStatus({}, findings(['ns1', 'ns2']), START);
const DENIED = nextStatus(
  {},
  findings([], { logins: [], failures: [{ registry: 'eu-west-1', message: 'no', needsChange: true }], desired: 2 }),
  START,
);
const failed = { registry: 'eu-west-1', message: 'no' };
/** The login in hand is good; the next one is denied, or cannot be had for now. */
const STALLED = nextStatus(READY, findings(['ns1'], { failures: [{ ...failed, needsChange: true }] }), START);
const WAITING = nextStatus(READY, findings(['ns1'], { failures: [{ ...failed, needsChange: false }] }), START);
const problem = { namespace: 'ns2', named: true, reason: 'SecretConflict', message: 'taken' };
const PARTIAL = nextStatus({}, findings(['ns1'], { desired: 3, problems: [problem] }), START);

describe('objects and secrets', () => {
  test('are all counted by state, with a 0 where there is none', async () => {
    const { put, values } = start(10);
    const none = { True: 0, False: 0, Unknown: 0 };
    const kinds = (counts: object): object =>
      Object.fromEntries(
        [NAMESPACED_KIND, CLUSTER_KIND].flatMap((kind, index) =>
          Object.entries(index === 0 ? counts : none).map(([ready, count]) => [`${kind} ${ready}`, count]),
        ),
      );
    assert.deepEqual(await values('ecr_operator_objects'), kinds(none));
    assert.deepEqual(await values('ecr_operator_secrets'), { ready: 0, expired: 0, failing: 0, pending: 0 });
    for (const [index, status] of [READY, DENIED, PARTIAL, {}].entries()) put(numbered(2 * index, status));
    assert.deepEqual(await values('ecr_operator_objects'), kinds({ True: 1, False: 2, Unknown: 1 }));
    assert.deepEqual(await values('ecr_operator_secrets'), { ready: 3, expired: 0, failing: 1, pending: 3 });
  });

  test('are counted by the conditions that say something is wrong, stalled ones also while they are ready', async () => {
    const { put, values } = start(0);
    assert.deepEqual(await values('ecr_operator_condition_objects'), { Reconciling: 0, Stalled: 0 });
    for (const [index, status] of [READY, DENIED, PARTIAL, STALLED, WAITING].entries()) put(numbered(index, status));
    assert.deepEqual(await values('ecr_operator_condition_objects'), { Reconciling: 1, Stalled: 2 });
  });

  test('whose login has ended are expired, however well they were written', async () => {
    const { clock, put, values } = start(10);
    put(numbered(0));
    await clock.advance((after(12 * HOUR) - START) as typeof HOUR);
    assert.deepEqual(await values('ecr_operator_secrets'), { ready: 0, expired: 2, failing: 0, pending: 0 });
  });

  test('are shown by the replica that leads only', async () => {
    const { put, show, values } = start(5);
    put(pullSecret(NAMESPACED_KIND, spec()));
    show(false);
    for (const name of ['ecr_operator_objects', 'ecr_operator_secrets', 'ecr_operator_objects_without_series'])
      assert.deepEqual(await values(name), {}, name);
    assert.notDeepEqual(await values('ecr_operator_watch_objects'), {});
    show(true);
    assert.notDeepEqual(await values('ecr_operator_objects'), {});
  });

  test('show the login that ends first and the newest one; without any there is no series that could raise an alarm', async () => {
    const { put, values } = start(10);
    put(numbered(0, DENIED));
    assert.deepEqual(await values('ecr_operator_token_expiry_timestamp_seconds'), {});
    assert.deepEqual(await values('ecr_operator_token_last_refresh_timestamp_seconds'), {});
    const later = login('eu-west-1', { expiresAt: after(20 * HOUR), refreshedAt: after(HOUR) });
    put(numbered(1, nextStatus({}, findings(['ns1'], { logins: [later] }), START)));
    put(numbered(2));
    assert.deepEqual(await values('ecr_operator_token_expiry_timestamp_seconds'), { '': after(12 * HOUR) / 1_000 });
    assert.deepEqual(await values('ecr_operator_token_last_refresh_timestamp_seconds'), { '': after(HOUR) / 1_000 });
  });
});

describe('an object with series of its own', () => {
  test('shows the end of its login and its conditions by its names', async () => {
    const { put, values } = start(10);
    put(numbered(0));
    put(numbered(1, DENIED));
    const [a, b] = [`${NAMESPACED_KIND} n0 o0`, `${CLUSTER_KIND}  o1`];
    assert.deepEqual(await values('ecr_operator_resource_token_expiry_timestamp_seconds'), {
      [a]: after(12 * HOUR) / 1_000,
    });
    assert.deepEqual(await values('ecr_operator_resource_condition'), {
      [`${a} Ready True`]: 1,
      [`${b} Ready False`]: 1,
      [`${b} Stalled True`]: 1,
    });
    assert.deepEqual(await values('ecr_operator_objects_without_series'), { '': 0 });
  });

  test('shows its Secrets by state, and those with trouble of their own as failing', async () => {
    const { put, values } = start(10);
    put(numbered(0));
    put(numbered(1, PARTIAL));
    put(numbered(2, {}));
    const [a, b] = [`${NAMESPACED_KIND} n0 o0`, `${CLUSTER_KIND}  o1`];
    assert.deepEqual(await values('ecr_operator_resource_secrets'), {
      [`${a} desired`]: 2,
      [`${a} ready`]: 2,
      [`${a} failing`]: 0,
      [`${b} desired`]: 3,
      [`${b} ready`]: 1,
      [`${b} failing`]: 1,
    });
  });

  test('that is stalled comes before those that are well, although it is ready', async () => {
    const { put, values } = start(1);
    for (let index = 0; index < 5; index += 1) put(numbered(index, index === 4 ? STALLED : READY));
    const names = Object.keys(await values('ecr_operator_resource_condition')).map((labels) => labels.split(' ')[2]);
    assert.deepEqual(new Set(names), new Set(['o4']));
  });

  test('that is not ready comes before those that are, when not all can have series', async () => {
    const { put, values } = start(2);
    for (let index = 0; index < 5; index += 1) put(numbered(index, index === 4 ? DENIED : READY));
    const names = Object.keys(await values('ecr_operator_resource_condition')).map((labels) => labels.split(' ')[2]);
    assert.deepEqual(new Set(names), new Set(['o4', 'o0']));
    assert.deepEqual(await values('ecr_operator_objects_without_series'), { '': 3 });
  });
});

describe('two thousand objects of different names, namespaces and regions', () => {
  const filled = async (perObject: number, conditions = READY): Promise<readonly string[]> => {
    const { put, series } = start(perObject);
    for (let index = 0; index < 2_000; index += 1) put(numbered(index, conditions));
    return await series();
  };
  const two = async (): Promise<number> => {
    const { put, series } = start(0);
    put(numbered(0));
    put(numbered(1));
    return (await series()).length;
  };

  test('make no series more than two objects do when objects have none of their own', async () => {
    const series = await filled(0);
    assert.equal(series.length, await two());
    assert.ok(series.includes('ecr_operator_objects_without_series 2000'));
  });

  test('make at most seven series for each object up to the bound, however many conditions a user writes', async () => {
    const [ready] = READY.conditions ?? [];
    assert.ok(ready);
    const many = Array.from({ length: 20 }, (_, index) => ({ ...ready, type: `Type${index}` }));
    const known = ['Ready', 'Reconciling', 'Stalled'].map((type) => ({ ...ready, type }));
    const series = await filled(100, { ...READY, conditions: [...many, ...known] });
    assert.equal(series.length, (await two()) + 100 * 7);
  });
});
