// Logins under load: many keys, many regions, keys that change, answers that do not end. Each far beyond its bound; others are served.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../src/testing/test-api.ts';
import { GOOD_KEY, NAMESPACED_PATH, SECRET_PATH } from '../../src/testing/world.ts';
import { ACCESS, createPullSecret, KEYS } from '../scenario/manifests.ts';
import { regionNames, useLoad } from './rig.ts';

/** All of it; without, what fits into three minutes (`make test-load`). */
const IS_LONG = process.env['LOAD'] === 'long';
const TEAMS = IS_LONG ? 1_000 : 150;
const REGIONS = regionNames(40);

// Rule 14
describe('logins under load', () => {
  const load = useLoad();
  const keyOf = (prefix: string, index: number): string =>
    `${prefix}${String(index).padStart(20 - prefix.length, '0')}`;

  /** One object a team, with a key of its own. */
  const createTeams = async (namespace: string, prefix: string, count: number, regions: readonly string[]) => {
    await load.each(
      Array.from({ length: count }, (_, index) => index),
      (index) =>
        createPullSecret(load.api, namespace, `team-${index}`, {
          secretName: `team-${index}`,
          awsAccess: { ...ACCESS, region: regions[0], accessKeyId: keyOf(prefix, index) },
          registries: { regions: regions.slice(1) },
        }),
    );
  };
  const addKeys = (prefix: string, count: number): void => {
    for (let index = 0; index < count; index += 1) load.aws.addKey({ ...GOOD_KEY, accessKeyId: keyOf(prefix, index) });
  };
  const secretsIn = async (namespace: string): Promise<number> =>
    (await load.api.must('GET', SECRET_PATH(namespace))).items.length;
  const clear = async (namespace: string): Promise<void> => {
    load.aws.faults.clear();
    await load.api.must('DELETE', NAMESPACED_PATH(namespace));
    const { items } = await load.api.must('GET', SECRET_PATH(namespace));
    await load.each(items as { metadata: { name: string } }[], ({ metadata }) =>
      load.api.send('DELETE', SECRET_PATH(namespace, metadata.name)),
    );
  };

  test(`of ${TEAMS} teams, a key each, in 8 regions each, come up`, async (t) => {
    const namespace = await load.api.createNamespace();
    addKeys('AKIATEAM', TEAMS);
    await createTeams(namespace, 'AKIATEAM', TEAMS, REGIONS.slice(0, 8));
    const most = await load.during(async () => {
      await eventually(async () => ((await secretsIn(namespace)) === TEAMS ? true : undefined), 180_000);
      await load.serves('while-teams');
    });
    t.diagnostic(`${TEAMS} teams × 8 regions: ${Math.round(most / 1e6)} MB at most`);
    await clear(namespace);
  });

  for (const [what, fault] of [
    ['are denied', undefined],
    ['hang', { op: 'hang' }],
  ] as const) {
    test(`of 300 objects that ${what} in 40 regions each leave room for others`, async (t) => {
      const namespace = await load.api.createNamespace();
      if (fault) load.aws.faults.failWhile(({ region }) => region !== ACCESS.region, fault);
      await createTeams(namespace, 'AKIANOBODY', 300, REGIONS);
      const most = await load.during(async () => {
        for (let turn = 0; turn < 5; turn += 1) await load.serves(`while-they-${turn}`);
      });
      t.diagnostic(`300 objects × 40 regions that ${what}: ${Math.round(most / 1e6)} MB at most`);
      await clear(namespace);
    });
  }

  test('of one object whose keys change again and again are let go', async (t) => {
    const namespace = await load.api.createNamespace();
    const changes = IS_LONG ? 1_500 : 100;
    addKeys('ASIAFLIP', changes);
    const keys = (index: number): object => ({
      AWS_ACCESS_KEY_ID: keyOf('ASIAFLIP', index),
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    });
    await load.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name: 'keys', labels: { 'aws.zakariaamine.com/credentials': 'true' } },
      stringData: keys(0),
    });
    const most = await load.during(async () => {
      await createPullSecret(load.api, namespace, 'flip', {
        awsAccess: { region: REGIONS[0], secretRef: { name: 'keys' } },
        registries: { regions: REGIONS.slice(1, 30) },
      });
      for (let index = 1; index < changes; index += 1) {
        const asked = load.aws.requests.length;
        await load.api.merge(SECRET_PATH(namespace, 'keys'), { stringData: keys(index) });
        await eventually(() => Promise.resolve(load.aws.requests.length >= asked + 30 ? true : undefined));
      }
      await load.serves('while-keys-change');
    });
    t.diagnostic(`${changes} changes of a key in 30 regions: ${Math.round(most / 1e6)} MB at most`);
    await clear(namespace);
  });

  test('whose answers are of 8 MB each are told of, and others are served', async (t) => {
    const namespace = await load.api.createNamespace();
    const body = `{"authorizationData": [${' '.repeat(8_000_000)}]}`;
    load.aws.faults.failWhile(({ region }) => region !== ACCESS.region, {
      op: 'garbage',
      status: 200,
      contentType: 'application/x-amz-json-1.1',
      body,
    });
    await createTeams(namespace, 'AKIALARGE', 50, REGIONS.slice(0, 4));
    const most = await load.during(async () => {
      await load.serves('while-answers-are-large');
      await eventually(async () => {
        const { body: object } = await load.api.get(NAMESPACED_PATH(namespace, 'team-0'));
        return JSON.stringify(object.status ?? {}).includes('answered with more than 256 KiB') ? true : undefined;
      });
    });
    t.diagnostic(`200 answers of 8 MB: ${Math.round(most / 1e6)} MB at most`);
    await clear(namespace);
    assert.ok(most > 0);
  });
});
