// Any client that reaches the webhook's port can send anything: what that can make the operator do, and what it cannot.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../../src/api/names.ts';
import { type DurationMs, MINUTE } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { type Fate, type FaultProxy, type ProxiedRequest, startFaultProxy } from '../../testing/network/fault-proxy.ts';
import { GOOD_KEY, type RunningOperator, useWorld } from '../../testing/operator/world.ts';
import { ACCESS } from './manifests.ts';
import {
  configure,
  forgedReview,
  freshNames,
  ownCertificate,
  post,
  removeWebhook,
  untilHeeded,
  type WebhookNames,
} from './webhook-rig.ts';

const ROLE = 'arn:aws:iam::111122223333:role/puller';
const REGION = 'eu-west-1';
const WITHOUT_PAIR = [
  { region: REGION, secretRef: { name: 'aws-keys' } },
  { region: REGION, serviceAccountRef: { name: 'puller' } },
  { region: REGION, serviceAccountRef: { name: 'puller', roleArn: ROLE } },
  { ...ACCESS, assumeRole: { roleArn: ROLE } },
  { region: REGION, secretRef: { name: 'aws-keys' }, assumeRole: { roleArn: ROLE } },
];

// Rules 17, 18
describe('a forged review', () => {
  const world = useWorld();
  const travelling = createTravelClock();
  /** No second passes, and no token bucket is refilled, while it is defined. */
  let standsAt: DurationMs | undefined;
  const clock = { ...travelling, monotonic: () => standsAt ?? travelling.monotonic() };
  let proxy: FaultProxy;
  let operator: RunningOperator;
  let names: WebhookNames;
  let port = 0;
  let namespace = '';
  const seen: ProxiedRequest[] = [];
  const note = (request: ProxiedRequest): Fate => {
    seen.push(request);
    return 'pass';
  };
  before(async () => {
    namespace = await world.api.createNamespace();
    proxy = await startFaultProxy(world.plane, world.plane.adminToken);
    names = freshNames();
    // Every service of AWS is the stand-in: it would see a call of STS.
    const env = { ...process.env, AWS_ENDPOINT_URL: world.aws.url };
    operator = await world.startOperator({ clock, access: proxy.access, webhook: ownCertificate(names), env });
    port = operator.operator.webhookPort ?? 0;
    await configure(world, names, [port]);
    await untilHeeded(world, namespace);
    proxy.decide(note);
  });
  after(async () => {
    await operator.stop();
    await removeWebhook(world, names);
    await proxy.stop();
  });

  /** Requests to the API server, watches that begin anew left out, and calls of AWS, while `act` runs. */
  const traceOf = async (act: () => Promise<unknown>): Promise<readonly string[]> => {
    seen.length = 0;
    const before = world.aws.calls();
    await act();
    const calls = world.aws.requests.slice(before).map(({ operation }) => `AWS ${operation}`);
    const single = seen.filter(
      ({ path, method }) => method !== 'GET' || /\/namespaces\/[^/]+\/[^/]+\/[^/]+$/.test(path),
    );
    return [...single.map(({ method, path }) => `${method} ${path}`), ...calls];
  };
  const object = (awsAccess: object, kind = NAMESPACED_KIND, spec: object = {}): object => ({
    kind,
    metadata: { name: 'forged', ...(kind === NAMESPACED_KIND ? { namespace } : {}) },
    spec: { awsAccess, secretName: 'wanted', ...spec },
  });
  const look = (): string => `GET /api/v1/namespaces/${namespace}/secrets/wanted`;

  test('makes the operator look whether the named pull secret is there, and nothing else', async () => {
    for (const awsAccess of WITHOUT_PAIR) {
      const trace = await traceOf(async () => {
        const { status, body } = await post(port, forgedReview(object(awsAccess)));
        assert.deepEqual([status, JSON.parse(body).response.allowed], [200, true]);
      });
      assert.deepEqual(trace, [look()], JSON.stringify(awsAccess));
    }
  });

  test("does not make the operator use its own identity, though the cluster kind's objects may", async () => {
    const ambient = object({ region: REGION, ambient: {} }, CLUSTER_KIND, { namespaces: [namespace] });
    const withRole = object({ region: REGION, ambient: {}, assumeRole: { roleArn: ROLE } }, CLUSTER_KIND, {
      namespaces: [namespace],
    });
    for (const forged of [ambient, withRole])
      assert.deepEqual(await traceOf(() => post(port, forgedReview(forged))), [look()]);
  });

  test('with a pair of keys makes one call of ECR with that pair, and on a dry run none', async () => {
    const awsAccess = { ...ACCESS, accessKeyId: 'AKIAFORGEDFORGED0001' };
    assert.deepEqual(await traceOf(() => post(port, forgedReview(object(awsAccess), { dryRun: true }))), [look()]);
    const trace = await traceOf(async () => {
      const { body } = await post(port, forgedReview(object(awsAccess)));
      assert.equal(JSON.parse(body).response.allowed, false);
    });
    assert.deepEqual([...trace].sort(), ['AWS GetAuthorizationToken', look()]);
  });

  test('of many namespaces makes the operator look at twenty at most', async () => {
    const others = await Promise.all(Array.from({ length: 25 }, () => world.api.createNamespace()));
    await eventually(async () => {
      const reply = await post(
        port,
        forgedReview(object({ region: REGION, secretRef: { name: 'a' } }, CLUSTER_KIND, { namespaces: others })),
      );
      return JSON.parse(reply.body).response.allowed === true ? true : undefined;
    });
    const trace = await traceOf(() =>
      post(
        port,
        forgedReview(object({ region: REGION, secretRef: { name: 'a' } }, CLUSTER_KIND, { namespaces: others })),
      ),
    );
    assert.equal(trace.length, 20);
  });

  /** The outcomes of as many reviews at one instant, after the operator was left alone for long. */
  const flood = async (count: number, awsAccess: (index: number) => object) => {
    clock.travel(MINUTE);
    standsAt = clock.monotonic();
    const warnings: string[] = [];
    const trace = await traceOf(async () => {
      const posts = Array.from({ length: count }, (_, index) => post(port, forgedReview(object(awsAccess(index)))));
      for (const { body } of await Promise.all(posts)) warnings.push(...JSON.parse(body).response.warnings);
    });
    standsAt = undefined;
    return {
      looks: trace.filter((line) => line === look()).length,
      calls: trace.filter((line) => line.startsWith('AWS ')).length,
      told: (words: string): number => warnings.filter((warning) => warning.includes(words)).length,
    };
  };

  test('in great number makes the operator look no more than a hundred times at once, and the other answers say so', async () => {
    const { looks, calls, told } = await flood(120, () => WITHOUT_PAIR[0] ?? {});
    assert.ok(looks <= 100, `${looks} looks`);
    assert.ok(told('could not be looked up') >= 20);
    assert.equal(calls, 0);
  });

  test('in great number makes the operator hold four answers about secrets at once, whatever stands in them', async () => {
    clock.travel(MINUTE);
    const answers = Promise.withResolvers<Fate>();
    let [held, most, asked] = [0, 0, 0];
    proxy.decide(async (request) => {
      if (!request.path.endsWith('/secrets/wanted')) return note(request);
      asked += 1;
      held += 1;
      most = Math.max(most, held);
      const fate = await answers.promise;
      held -= 1;
      return fate;
    });
    const posts = Array.from({ length: 20 }, () => post(port, forgedReview(object(WITHOUT_PAIR[0] ?? {}))));
    await eventually(() => held === 4 || undefined);
    answers.resolve('pass');
    for (const { body } of await Promise.all(posts)) assert.deepEqual(JSON.parse(body).response.warnings, []);
    assert.deepEqual([asked, most], [20, 4]);
    proxy.decide(note);
  });

  test('with new keys each time makes no more than fifty calls of ECR at once, and the other answers say so', async () => {
    const { calls, told } = await flood(60, (index) => ({ ...ACCESS, accessKeyId: `AKIAFORGEDFORGED1${index + 100}` }));
    assert.ok(calls <= 50, `${calls} calls`);
    assert.ok(told('too many are being tried') >= 10);
  });

  test('that is none, or is broken in any way, is refused or let through, without any look-up', async () => {
    const good = JSON.parse(forgedReview(object(ACCESS)));
    const request = (over: object): string => JSON.stringify({ ...good, request: { ...good.request, ...over } });
    const cases: readonly (readonly [body: string, status: number])[] = [
      ['null', 400],
      ['[]', 400],
      [`"${GOOD_KEY.secretAccessKey}"`, 400],
      [`{"key":"${GOOD_KEY.secretAccessKey}"`, 400],
      [JSON.stringify({ ...good, apiVersion: 'admission.k8s.io/v1beta1' }), 400],
      [JSON.stringify({ ...good, kind: GOOD_KEY.secretAccessKey }), 400],
      [JSON.stringify({ ...good, request: null }), 400],
      [request({ uid: undefined }), 400],
      [request({ uid: 'x'.repeat(200) }), 400],
      [request({ operation: 'UPDATE' }), 400],
      [request({ operation: 'DELETE', object: null, oldObject: good.request.object }), 200],
      [request({ operation: 'CONNECT' }), 200],
      [request({ object: null }), 200],
      [request({ object: { ...good.request.object, apiVersion: 'v1' } }), 200],
      [request({ object: { ...good.request.object, kind: 'Pod' } }), 200],
      [request({ subResource: 'status' }), 200],
      [request({ object: { ...good.request.object, spec: null } }), 200],
      [request({ object: { ...good.request.object, metadata: 1, spec: [] } }), 200],
      [
        request({ object: { ...good.request.object, spec: { awsAccess: { region: '../..' }, secretName: '../..' } } }),
        200,
      ],
      [
        '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"a","__proto__":{"operation":"CREATE"}}}',
        200,
      ],
      [`${JSON.stringify(good).slice(0, -1)},"padding":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 413],
    ];
    const trace = await traceOf(async () => {
      for (const [body, status] of cases) assert.equal((await post(port, body)).status, status, body.slice(0, 200));
    });
    assert.deepEqual(trace, []);
  });

  test('is let through with a warning after three seconds while the API server is silent', async () => {
    const silence = Promise.withResolvers<Fate>();
    let isAsked = false;
    proxy.decide((request) => {
      if (!request.path.endsWith('/secrets/wanted')) return note(request);
      isAsked = true;
      return silence.promise;
    });
    const asked = post(port, forgedReview(object(WITHOUT_PAIR[0] ?? {})));
    await eventually(() => isAsked || undefined);
    clock.travel(3_000);
    const { allowed, warnings } = JSON.parse((await asked).body).response;
    assert.deepEqual([allowed, warnings], [true, ['whether a secret wanted is there already could not be looked up']]);
    silence.resolve('pass');
    proxy.decide(note);
  });

  test('of three megabytes is answered', async () => {
    const { status, body } = await post(
      port,
      forgedReview({ ...object(WITHOUT_PAIR[0] ?? {}), padding: 'x'.repeat(3 * 1024 * 1024 - 1_000) }),
    );
    assert.deepEqual([status, JSON.parse(body).response.allowed], [200, true]);
  });
});
