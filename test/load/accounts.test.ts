// Thousands of ServiceAccounts in one namespace, and of questions to registries from another. Others are served.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { NAMESPACED_PATH } from '../../testing/operator/world.ts';
import { createPullSecret } from '../scenario/manifests.ts';
import { IS_LONG, useLoad } from './rig.ts';

const ACCOUNTS = IS_LONG ? 3_000 : 400;
/** That ask for all of these accounts. */
const ASKING = IS_LONG ? 40 : 10;
/** With 16 repositories each: many times what a namespace may ask in the time of the test. */
const PROBING = IS_LONG ? 300 : 100;
const WATCHED_MS = IS_LONG ? 30_000 : 8_000;
const ATTACHES = { ECR_OPERATOR_ATTACH_TO_SERVICE_ACCOUNTS: 'true' };

// Rules 14, 22, 23
describe('under load', () => {
  const load = useLoad();

  test(`${ASKING} objects that ask for ${ACCOUNTS} accounts, which come and go, hold nobody up`, async (t) => {
    const namespace = await load.createNamespace();
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const names = Array.from({ length: ACCOUNTS }, (_, index) => `account-${index}`);
    const most = await load.during(async (operator) => {
      await load.each(
        Array.from({ length: ASKING }, (_, index) => `asks-${index}`),
        (secretName) =>
          createPullSecret(load.api, namespace, secretName, { secretName, serviceAccounts: { selector: {} } }),
      );
      let isOver = false;
      const flood = load
        .each(names, (name) => load.api.must('POST', accounts, { metadata: { name } }))
        .then(async () => {
          await eventually(async () => {
            const { imagePullSecrets = [] } = await load.api.must('GET', `${accounts}/${names.at(-1)}`);
            return imagePullSecrets.length === ASKING ? true : undefined;
          }, 60_000);
        })
        .finally(() => {
          isOver = true;
        });
      const [others] = await Promise.all([load.servesUntil(() => isOver), flood]);
      const before = await operator.metric('controller_runtime_reconcile_total', (line) =>
        line.includes('"pullsecret"'),
      );
      const ends = Date.now() + WATCHED_MS;
      for (let turn = 0; Date.now() < ends; turn += 1) {
        await load.api.must('POST', accounts, { metadata: { name: `restless-${turn}` } });
        await load.api.must('DELETE', `${accounts}/restless-${turn}`);
        await load.serves();
      }
      const after = await operator.metric('controller_runtime_reconcile_total', (line) =>
        line.includes('"pullsecret"'),
      );
      t.diagnostic(`${others} others served meanwhile; ${after - before} reconciliations while accounts came and went`);
    }, ATTACHES);
    t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
  });

  test(`${PROBING * 16} repositories of one namespace are asked about one a second, and hold nobody up`, async (t) => {
    const namespace = await load.createNamespace();
    const most = await load.during(async (operator) => {
      const begun = performance.now();
      await load.each(
        Array.from({ length: PROBING }, (_, index) => `probes-${index}`),
        (secretName) => {
          const repositories = Array.from({ length: 16 }, (_, index) => `${secretName}/${index}`);
          return createPullSecret(load.api, namespace, secretName, {
            secretName,
            probe: { repositories, interval: '5m' },
          });
        },
      );
      const read = (): Promise<number> =>
        operator.metric('controller_runtime_reconcile_total', (line) => line.includes('"pullsecret"'));
      await eventually(async () => {
        const { items } = await load.api.must('GET', NAMESPACED_PATH(namespace));
        const ready = (items as { status?: { secrets?: { ready?: number } } }[]).filter(
          ({ status }) => status?.secrets?.ready === 1,
        );
        return ready.length === PROBING ? true : undefined;
      }, 60_000);
      const before = await read();
      const ends = Date.now() + WATCHED_MS;
      while (Date.now() < ends) await load.serves();
      const took = (performance.now() - begun) / 1_000;
      const asked = await operator.metric('ecr_operator_pull_probes_total', () => true);
      const rate = ((await read()) - before) / (WATCHED_MS / 1_000);
      t.diagnostic(
        `${asked} questions in ${took.toFixed(0)} s; ${rate.toFixed(1)} reconciliations a second at the end`,
      );
      assert.ok(asked >= 16 && asked <= 16 + took + 2, `${asked} in ${took} s`);
    });
    t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
  });
});
