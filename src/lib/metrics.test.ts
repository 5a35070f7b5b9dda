// Covers how metrics are counted and read: the initial series, and the values read at each scrape.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMetrics, type Definition } from './metrics.ts';

const REQUESTS: Definition<'code'> = {
  name: 'a_requests_total',
  shape: 'counter',
  labels: ['code'],
  help: 'Requests.',
};
const LENGTH: Definition<'part'> = {
  name: 'a_length_seconds',
  shape: 'histogram',
  labels: ['part'],
  help: 'Length.',
  buckets: [0.5, 1],
};
const DEPTH: Definition<never> = { name: 'a_depth', shape: 'gauge', labels: [], help: 'Depth.' };
const SIZES: Definition<'of'> = { name: 'a_size_bytes', shape: 'gauge', labels: ['of'], help: 'Sizes.' };

test('a counter and a histogram have their known series before anything is counted', async () => {
  const metrics = createMetrics();
  const count = metrics.counter(REQUESTS, [{ code: '200' }, { code: '500' }]);
  const observe = metrics.histogram(LENGTH, [{ part: 'head' }]);
  const { contentType, body } = await metrics.text();
  assert.match(contentType, /^text\/plain/);
  for (const line of [
    'a_requests_total{code="200"} 0',
    'a_requests_total{code="500"} 0',
    'a_length_seconds_count{part="head"} 0',
    'a_length_seconds_bucket{le="+Inf",part="head"} 0',
  ]) {
    assert.ok(body.split('\n').includes(line), `${line}\nis not in\n${body}`);
  }
  count({ code: '500' });
  observe({ part: 'head' }, 0.75);
  const after = (await metrics.text()).body;
  for (const line of [
    'a_requests_total{code="500"} 1',
    'a_length_seconds_bucket{le="0.5",part="head"} 0',
    'a_length_seconds_bucket{le="1",part="head"} 1',
    'a_length_seconds_sum{part="head"} 0.75',
  ]) {
    assert.ok(after.split('\n').includes(line), `${line}\nis not in\n${after}`);
  }
});

test('an observed value is read at each scrape, and a series that is gone is gone', async () => {
  const metrics = createMetrics();
  let sizes = [{ labels: { of: 'a' }, value: 1 }];
  metrics.observe(SIZES, () => sizes);
  assert.deepEqual(await metrics.read('a_size_bytes'), [{ labels: { of: 'a' }, value: 1 }]);
  sizes = [{ labels: { of: 'b' }, value: 2 }];
  assert.match((await metrics.text()).body, /^a_size_bytes\{of="b"\} 2$/m);
  assert.ok(!(await metrics.text()).body.includes('of="a"'));
});

/** Collects garbage. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

// Rule 14
test('what a look at the metrics has read is not kept after it, nor after one that fails', async () => {
  const metrics = createMetrics();
  let isBroken = false;
  let read: WeakRef<object> | undefined;
  metrics.observe(SIZES, () => {
    const labels = { of: 'a' };
    read = new WeakRef(labels);
    return [{ labels, value: 1 }];
  });
  metrics.observeOne(DEPTH, () => {
    if (isBroken) throw new Error('broken');
    return 1;
  });
  const fails = async (): Promise<void> => {
    isBroken = true;
    await assert.rejects(metrics.text(), /broken/);
  };
  for (const look of [() => metrics.text(), () => metrics.read('a_size_bytes'), fails]) {
    await look();
    // The turn in which a weak reference is made keeps what it refers to.
    await setImmediate();
    collect();
    assert.equal(read?.deref(), undefined);
  }
});

test('a look that ends takes no series from one that has begun', async () => {
  const metrics = createMetrics();
  metrics.observe(SIZES, () => [{ labels: { of: 'a' }, value: 1 }]);
  const looks = await Promise.all([metrics.text(), metrics.read('a_size_bytes'), metrics.text()]);
  const [{ body }, samples, { body: other }] = looks;
  assert.match(body, /^a_size_bytes\{of="a"\} 1$/m);
  assert.equal(other, body);
  assert.equal(samples.length, 1);
});

test('a value that does not exist has no series, rather than a 0 that would raise alarms', async () => {
  const metrics = createMetrics();
  let depth: number | undefined = 3;
  metrics.observeOne(DEPTH, () => depth);
  assert.match((await metrics.text()).body, /^a_depth 3$/m);
  depth = undefined;
  assert.doesNotMatch((await metrics.text()).body, /^a_depth \S/m);
  depth = 0;
  assert.match((await metrics.text()).body, /^a_depth 0$/m);
});

test('a counter whose count comes from elsewhere shows that count, not a sum of all looks', async () => {
  const metrics = createMetrics();
  metrics.observe({ ...REQUESTS, labels: [] }, () => [{ labels: {}, value: 7 }]);
  await metrics.text();
  assert.match((await metrics.text()).body, /^a_requests_total 7$/m);
});

test('names of users in labels cannot break a line', async () => {
  const metrics = createMetrics();
  metrics.observe(SIZES, () => [{ labels: { of: 'a"} 1\nforged_total 5 \\' }, value: 2 }]);
  const { body } = await metrics.text();
  assert.doesNotMatch(body, /^forged/m);
  assert.ok(body.includes('of="a\\"} 1\\nforged_total 5 \\\\"'), body);
});

test('two operators in one process do not share their numbers', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.counter(REQUESTS, [])({ code: '200' });
  other.counter(REQUESTS, []);
  assert.ok(!(await other.text()).body.includes('code="200"'));
  assert.deepEqual(await other.read('nothing'), []);
});
