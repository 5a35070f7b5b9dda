// Logins under load: many keys, many regions, keys that change, answers that do not end. Each far beyond its bound;
// others are served.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { METRIC } from '../../src/operator/telemetry/metric-catalogue.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { type ConnectProxy, startConnectProxy } from '../../testing/network/connect-proxy.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import type { OperatorProcess } from '../../testing/operator/operator-process.ts';
import { GOOD_KEY, NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { ACCESS, createPullSecret, KEYS } from '../scenario/manifests.ts';
import { IS_LONG, regionNames, useLoad } from './rig.ts';

const TEAMS = IS_LONG ? 1_000 : 150;
const REGIONS = regionNames(40);
/** Calls of AWS that are denied before the flood is over. */
const DENIALS = IS_LONG ? 6_000 : 1_500;
/** How long regions hang when the calls that hang take all permits. */
const HANG_MS = IS_LONG ? 60_000 : 4_000;

// Rule 14
describe('logins under load', () => {
  const load = useLoad();
  const keyOf = (prefix: string, index: number): string =>
    `${prefix}${String(index).padStart(20 - prefix.length, '0')}`;

  /** One object a team, with a key of its own; the namespaces take turns. */
  const createTeams = async (
    namespaces: readonly string[],
    prefix: string,
    count: number,
    regions: readonly string[],
  ): Promise<void> => {
    await load.each(
      Array.from({ length: count }, (_, index) => index),
      (index) =>
        createPullSecret(load.api, namespaces[index % namespaces.length] ?? '', `team-${index}`, {
          secretName: `team-${index}`,
          awsAccess: { ...ACCESS, region: regions[0], accessKeyId: keyOf(prefix, index) },
          registries: { regions: regions.slice(1) },
        }),
    );
  };
  const addKeys = (prefix: string, count: number): void => {
    for (let index = 0; index < count; index += 1) load.aws.addKey({ ...GOOD_KEY, accessKeyId: keyOf(prefix, index) });
  };
  /** AWS under its own names, so that each region has connections of its own, as in production. */
  const authority = makeAuthority();
  const trusted = join(makeTemporaryFolder('load'), 'ca.crt');
  let proxy: ConnectProxy | undefined;
  before(async () => {
    writeFileSync(trusted, authority.certificate);
    proxy = await startConnectProxy({ authority, serve: (_host, socket) => load.aws.accept(socket) });
  });
  after(() => proxy?.stop());
  const byName = (): NodeJS.ProcessEnv => ({
    AWS_ENDPOINT_URL_ECR: undefined,
    AWS_CA_BUNDLE: trusted,
    HTTPS_PROXY: proxy?.url,
    NO_PROXY: '127.0.0.1',
  });
  /** Login requests that are in flight, slow or waiting. */
  const inState = (operator: OperatorProcess, state: string): Promise<number> =>
    operator.metric(METRIC.loginsUnderWay.name, (series) => series.includes(`"${state}"`));

  test(`of ${TEAMS} teams, a key each, in 8 regions each, come up`, async (t) => {
    const namespaces = await Promise.all(Array.from({ length: TEAMS / 25 }, () => load.createNamespace()));
    addKeys('AKIATEAM', TEAMS);
    await createTeams(namespaces, 'AKIATEAM', TEAMS, REGIONS.slice(0, 8));
    const most = await load.during(async (operator) => {
      const isReady = (series: string): boolean => series.includes('"ready"');
      // Each object served meanwhile is gone, or counts too.
      await load.servesUntil(async () => (await operator.metric(METRIC.secrets.name, isReady)) >= TEAMS);
    });
    t.diagnostic(`${TEAMS} teams × 8 regions: ${Math.round(most / 1e6)} MB at most`);
  });

  test('of 300 objects that are denied in 40 regions each leave permits for others', async (t) => {
    const namespace = await load.createNamespace();
    await createTeams([namespace], 'AKIANOBODY', 300, REGIONS);
    const most = await load.during(async (operator) => {
      const isDenied = (series: string): boolean => series.includes('code="AWSDenied"');
      const denials = (): Promise<number> => operator.metric(METRIC.awsRequests.name, isDenied);
      const others = await load.servesUntil(async () => (await denials()) >= DENIALS);
      t.diagnostic(`${others} others were served meanwhile`);
      assert.ok((await inState(operator, 'waiting')) > 0);
    });
    t.diagnostic(`${DENIALS} calls that are denied: ${Math.round(most / 1e6)} MB at most`);
  });

  test('of 300 objects in regions that hang, 40 each, are 64 at most, and leave permits for others', async (t) => {
    const namespaces = await Promise.all(Array.from({ length: 6 }, () => load.createNamespace()));
    load.aws.faults.failWhile(({ region }) => region !== ACCESS.region, { op: 'hang' });
    await createTeams(namespaces, 'AKIANOBODY', 300, REGIONS);
    const most = await load.during(async (operator) => {
      let others = await load.servesUntil(async () => (await inState(operator, 'slow')) === 64);
      // Those that hang take all permits they may have: now the test sees whether they leave the others theirs.
      const end = performance.now() + HANG_MS;
      others += await load.servesUntil(() => performance.now() > end);
      t.diagnostic(`${others} others were served meanwhile`);
      assert.ok((await inState(operator, 'waiting')) > 0);
    }, byName());
    t.diagnostic(`300 objects × 40 regions that hang: ${Math.round(most / 1e6)} MB at most`);
  });

  test('of one object whose keys change again and again are dropped', async (t) => {
    const namespace = await load.createNamespace();
    const changes = IS_LONG ? 1_500 : 50;
    addKeys('ASIAFLIP', changes);
    const keys = (index: number): object => ({
      AWS_ACCESS_KEY_ID: keyOf('ASIAFLIP', index),
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    });
    await load.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name: 'keys', labels: { 'aws.zakariaamine.com/credentials': 'true' } },
      stringData: { ...keys(0), AWS_ACCESS_KEY_ID: 'AKIABEFOREALLOTHERS0' },
    });
    let changed = 0;
    const change = async (): Promise<void> => {
      for (; changed < changes; changed += 1) {
        load.aws.clearLog();
        await load.api.merge(SECRET_PATH(namespace, 'keys'), { stringData: keys(changed) });
        await eventually(() => (load.aws.calls(({ region }) => region !== ACCESS.region) >= 30 ? true : undefined));
      }
    };
    const most = await load.during(async () => {
      await createPullSecret(load.api, namespace, 'flip', {
        awsAccess: { region: REGIONS[0], secretRef: { name: 'keys' } },
        registries: { regions: REGIONS.slice(1, 30) },
      });
      await Promise.all([change(), load.servesUntil(() => changed === changes)]);
    });
    t.diagnostic(`${changes} changes of a key in 30 regions: ${Math.round(most / 1e6)} MB at most`);
  });

  test('whose answers are of 8 MB each are reported, and others are served', async (t) => {
    const namespace = await load.createNamespace();
    const body = `{"authorizationData": [${' '.repeat(8_000_000)}]}`;
    load.aws.faults.failWhile(({ region }) => region !== ACCESS.region, {
      op: 'garbage',
      status: 200,
      contentType: 'application/x-amz-json-1.1',
      body,
    });
    await createTeams([namespace], 'AKIALARGE', 50, REGIONS.slice(0, 4));
    const most = await load.during(async () => {
      await load.serves();
      await eventually(async () => {
        const { body: object } = await load.api.get(NAMESPACED_PATH(namespace, 'team-0'));
        return JSON.stringify(object.status ?? {}).includes('answered with more than 256 KiB') ? true : undefined;
      });
    });
    t.diagnostic(`200 answers of 8 MB: ${Math.round(most / 1e6)} MB at most`);
  });
});
