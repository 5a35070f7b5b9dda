// One object, or one Secret, changed again and again, far faster than allowed; and an unread log. Others are served.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { REASON, RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import { METRIC } from '../../src/operator/telemetry/metric-catalogue.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from '../scenario/manifests.ts';
import { IS_LONG, regionNames, useLoad } from './rig.ts';

/** Ten times as many as an object has Events, and more. */
const CHANGES = IS_LONG ? 2_000 : 300;
/** Ten times as many as a Secret is repaired at once. */
const DELETIONS = IS_LONG ? 500 : 50;
const REGIONS = regionNames(40);
/** Objects that the log names again and again. */
const TALKED_OF = IS_LONG ? 500 : 200;

// Rule 14
describe('under load', () => {
  const load = useLoad();
  const times = async (count: number, work: (index: number) => Promise<unknown>): Promise<void> => {
    for (let index = 0; index < count; index += 1) await work(index);
  };
  /** Does it while others are served. */
  const meanwhile = async (work: Promise<void>): Promise<number> => {
    let isOver = false;
    const working = work.finally(() => {
      isOver = true;
    });
    const [others] = await Promise.all([load.servesUntil(() => isOver), working]);
    return others;
  };

  test('an object that is changed again and again has 25 Events, and the log says that there were more', async (t) => {
    const namespace = await load.createNamespace();
    const path = NAMESPACED_PATH(namespace, 'restless');
    const accessKeyId = 'AKIARESTLESS00000000';
    const callsOf = (): number => load.aws.calls((call) => call.accessKeyId === accessKeyId);
    const most = await load.during(async (operator) => {
      const { metadata } = await createPullSecret(load.api, namespace, 'restless', {
        awsAccess: { ...ACCESS, accessKeyId },
      });
      // Each region has a failure in words of its own, so an Event of its own.
      const move = async (index: number): Promise<void> => {
        const before = callsOf();
        await load.api.merge(path, { spec: { awsAccess: { region: REGIONS[index % REGIONS.length] } } });
        if (index < REGIONS.length) await eventually(() => (callsOf() > before ? true : undefined));
      };
      const others = await meanwhile(times(CHANGES, move));
      t.diagnostic(`${CHANGES} changes, ${callsOf()} calls of AWS; ${others} others served meanwhile`);
      assert.ok(callsOf() <= CHANGES + 1, String(callsOf()));
      await load.isToldOf(path, REASON.loginFailed);
      await eventually(() => (/Dropped events: an object/.test(operator.output()) ? true : undefined));
      const { items } = await load.api.must('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`);
      const own = items.filter(({ regarding }: { regarding: { uid: string } }) => regarding.uid === metadata.uid);
      // One more in five minutes.
      assert.ok(own.length >= 20 && own.length <= 26, String(own.length));
    });
    t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
  });

  test('a login that is forced again and again is requested once for each time, one after the other, and no other object waits', async (t) => {
    const namespace = await load.createNamespace();
    const most = await load.during(async () => {
      await createPullSecret(load.api, namespace, 'forced', {
        awsAccess: { ...ACCESS, accessKeyId: 'AKIAFORCEDFORCED0000' },
      });
      const path = NAMESPACED_PATH(namespace, 'forced');
      const others = await meanwhile(
        times(CHANGES, (index) =>
          load.api.merge(path, { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: String(index) } } }),
        ),
      );
      const calls = load.aws.calls(({ accessKeyId }) => accessKeyId === 'AKIAFORCEDFORCED0000');
      t.diagnostic(`${CHANGES} times, ${calls} calls of AWS; ${others} others served meanwhile`);
      assert.ok(calls <= CHANGES + 1, String(calls));
      await load.isToldOf(path, REASON.loginFailed);
    });
    t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
  });

  test('a Secret that is deleted again and again is restored at once five times, then later and later, and the status says so', async (t) => {
    const namespace = await load.createNamespace();
    const most = await load.during(async (operator) => {
      const { metadata } = await createPullSecret(load.api, namespace, 'contested', { secretName: 'contested' });
      assert.ok(metadata.uid);
      const path = SECRET_PATH(namespace, 'contested');
      const others = await meanwhile(
        times(DELETIONS, async () => {
          await load.api.send('DELETE', path);
          await load.serves();
        }),
      );
      const { status } = await load.api.must('GET', NAMESPACED_PATH(namespace, 'contested'));
      assert.match(JSON.stringify(status), /SecretContested/);
      const repairs = operator.output().match(/"secret":"contested","created":1/g)?.length ?? 0;
      t.diagnostic(`${DELETIONS} deletions, ${repairs} repairs; ${others} others served meanwhile`);
      // The first one, five at once, and after 1, 2, 4, … s.
      assert.ok(repairs >= 6 && repairs <= 16, String(repairs));
    });
    t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
  });

  test('an unread log of many lines is dropped from some point on, and a line with their number follows when it is read again', async (t) => {
    const namespace = await load.createNamespace();
    const most = await load.during(
      async (operator) => {
        const readAgain = operator.holdOutput();
        const each = (work: (index: number) => Promise<unknown>): Promise<void> =>
          load.each(
            Array.from({ length: TALKED_OF }, (_, index) => index),
            work,
          );
        const long = (index: number): string => `o-${'x'.repeat(200)}-${index}`;
        const left = (): Promise<number> => operator.metric(METRIC.logDropped.name);
        const talk = async (): Promise<void> => {
          await each((index) => createPullSecret(load.api, namespace, long(index), { secretName: long(index) }));
          for (let turn = 0; (await left()) === 0; turn += 1)
            await each((index) =>
              load.api.merge(NAMESPACED_PATH(namespace, long(index)), {
                metadata: { labels: { turn: String(turn) } },
              }),
            );
        };
        const others = await meanwhile(talk());
        t.diagnostic(`${await left()} lines left out; ${others} others served meanwhile`);
        readAgain();
        await eventually(() => (/Log lines were left out/.test(operator.output()) ? true : undefined));
      },
      { ECR_OPERATOR_LOG_LEVEL: 'debug' },
    );
    t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
  });
});
