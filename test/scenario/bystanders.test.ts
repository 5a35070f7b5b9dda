// No object waits for another: others finish while a slow one still hangs. On a real API server.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import pLimit from 'p-limit';
import { HOUR } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import {
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret, KEYS } from './manifests.ts';

/** More than there are workers, and permits at AWS. */
const MANY = 300;
const HANGING = 'us-west-2';
const HEALTHY = [ACCESS.region, 'eu-central-1'];

// Rule 9
describe('while others are slow', () => {
  const world = useWorld();
  const limit = pLimit(16);
  const clock = createTravelClock();
  let operator: RunningOperator;
  let [busy, calm] = ['', ''];

  before(async () => {
    operator = await world.startOperator({ clock });
    busy = await world.api.createNamespace();
    calm = await world.api.createNamespace();
    await createPullSecret(world.api, calm, 'before');
    await world.ready(NAMESPACED_PATH(calm, 'before'));
  });
  after(async () => {
    await operator.stop();
  });
  afterEach(async () => {
    world.aws.faults.clear();
    await world.api.must('DELETE', NAMESPACED_PATH(busy));
    await world.api.send('DELETE', NAMESPACED_PATH(calm, 'new'));
    await eventually(async () => {
      const left = await world.api.must('GET', NAMESPACED_PATH(busy));
      return left.items.length === 0 ? true : undefined;
    });
  });

  const keyOf = (index: number): string => `AKIAHANGING${String(100_000_000 + index)}`;
  const createMany = async (spec: (index: number) => object, count = MANY): Promise<void> => {
    const create = (index: number) => () =>
      createPullSecret(world.api, busy, `slow-${index}`, { secretName: `slow-${index}`, ...spec(index) });
    await Promise.all(Array.from({ length: count }, (_, index) => limit(create(index))));
  };
  /** Objects of the busy namespace with a condition already. */
  const told = async (): Promise<number> => {
    const { items } = await world.api.must('GET', NAMESPACED_PATH(busy));
    return items.filter((item: { status?: object }) => {
      const ready = conditionOf(item.status ?? {}, 'Ready');
      return ready !== undefined && ready.status !== 'Unknown';
    }).length;
  };
  const uidOf = async (namespace: string, name: string): Promise<string | undefined> =>
    (await world.api.get(SECRET_PATH(namespace, name))).body.metadata?.uid;
  /** Deletes a Secret and waits until there is another one. */
  const repaired = async (namespace: string, name: string): Promise<void> => {
    const before = await uidOf(namespace, name);
    await world.api.must('DELETE', SECRET_PATH(namespace, name));
    await eventually(async () => {
      const uid = await uidOf(namespace, name);
      return uid !== undefined && uid !== before ? true : undefined;
    });
  };

  test('a region that hangs for hundreds of keys holds up neither a new object, nor a repair, nor another region', async () => {
    world.aws.faults.failWhile(({ region }) => region === HANGING, { op: 'hang' });
    await createMany((index) => ({ awsAccess: { ...ACCESS, region: HANGING, accessKeyId: keyOf(index) } }));
    await createPullSecret(world.api, calm, 'new', { secretName: 'new' });
    await world.ready(NAMESPACED_PATH(calm, 'new'));
    await repaired(calm, 'ecr-login');
    await createPullSecret(world.api, busy, 'healthy');
    await world.ready(NAMESPACED_PATH(busy, 'healthy'));
    assert.equal(await told(), 1, 'the others hang still');
  });

  test('many regions that hang for one namespace leave permits for others', async () => {
    const regions = Array.from(
      { length: 39 },
      (_, index) => `us-${['a', 'b', 'c', 'd'][index % 4]}east-${1 + (index >> 2)}`,
    );
    world.aws.faults.failWhile(({ region }) => !HEALTHY.includes(region), { op: 'hang' });
    await createMany(
      (index) => ({ awsAccess: { ...ACCESS, region: HANGING, accessKeyId: keyOf(index) }, registries: { regions } }),
      20,
    );
    await createPullSecret(world.api, calm, 'new', { secretName: 'new', registries: { regions: HEALTHY } });
    await world.ready(NAMESPACED_PATH(calm, 'new'));
    assert.equal(await told(), 0);
  });

  test('a renewal that hangs does not hold up the repair of its own secret', async () => {
    await createPullSecret(world.api, calm, 'new', { secretName: 'new' });
    await world.ready(NAMESPACED_PATH(calm, 'new'));
    const asked = world.aws.requests.length;
    world.aws.faults.failWhile(() => true, { op: 'hang' });
    clock.travel(6 * HOUR);
    await eventually(() => Promise.resolve(world.aws.requests.length > asked ? true : undefined));
    await repaired(calm, 'new');
  });

  test('hundreds of references to secrets of a megabyte hold up no other reference', async () => {
    const large = 'x'.repeat(1_000_000);
    const data = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey };
    const secret = (namespace: string, name: string, more: object): Promise<unknown> =>
      world.api.must('POST', SECRET_PATH(namespace), { metadata: { name }, stringData: { ...data, ...more } });
    const count = 60;
    await Promise.all(
      Array.from({ length: count }, (_, index) => limit(() => secret(busy, `large-${index}`, { large }))),
    );
    await secret(calm, 'keys', {});
    await createMany(
      (index) => ({ awsAccess: { region: ACCESS.region, secretRef: { name: `large-${index}` } } }),
      count,
    );
    await createPullSecret(world.api, calm, 'new', {
      secretName: 'new',
      awsAccess: { region: ACCESS.region, secretRef: { name: 'keys' } },
    });
    await world.ready(NAMESPACED_PATH(calm, 'new'));
    // The operator reads all of them in the end, in turn.
    await eventually(async () => ((await told()) === count ? true : undefined), 60_000);
    for (let index = 0; index < count; index += 1) await world.api.send('DELETE', SECRET_PATH(busy, `large-${index}`));
  });
});
