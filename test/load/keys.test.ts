// Keys and messages that keep a large text alive by a small piece of it: only the piece stays in memory.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret, KEYS } from '../scenario/manifests.ts';
import { regionNames, useLoad } from './rig.ts';

// Rule 14
describe('large texts around small ones', () => {
  const load = useLoad();
  const names = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
  const told = async (namespace: string): Promise<number> => {
    const { items } = await load.api.must('GET', NAMESPACED_PATH(namespace));
    return items.filter(
      ({ status }: { status?: { observedGeneration?: number; conditions?: unknown } }) => status?.conditions,
    ).length;
  };

  test('of a secret that hundreds of objects read by names of their own are not kept', async (t) => {
    const namespace = await load.createNamespace();
    const blanks = ' '.repeat(340_000);
    const data = {
      AWS_ACCESS_KEY_ID: `${blanks}${KEYS.accessKeyId}`,
      AWS_SECRET_ACCESS_KEY: `${blanks}${KEYS.secretAccessKey}`,
    };
    await load.api.must('POST', SECRET_PATH(namespace), { metadata: { name: 'padded' }, stringData: data });
    const count = 300;
    await load.each(names(count), (index) =>
      createPullSecret(load.api, namespace, `padded-${index}`, {
        secretName: `padded-${index}`,
        awsAccess: { region: ACCESS.region, secretRef: { name: 'padded', keys: { sessionToken: `none-${index}` } } },
      }),
    );
    const most = await load.during(async () => {
      await load.serves();
      await eventually(async () => ((await told(namespace)) >= count ? true : undefined), 90_000);
    });
    t.diagnostic(`${count} readings of one secret: ${Math.round(most / 1e6)} MB at most`);
  });

  test('of denials by AWS are not kept with the refusals', async (t) => {
    const namespace = await load.createNamespace();
    const message = 'not authorized '.repeat(13_000);
    load.aws.faults.failWhile(({ accessKeyId }) => accessKeyId.startsWith('AKIAWORDS'), {
      op: 'error',
      status: 403,
      code: 'AccessDeniedException',
      message,
    });
    const regions = regionNames(20);
    await load.each(names(40), (index) =>
      createPullSecret(load.api, namespace, `words-${index}`, {
        secretName: `words-${index}`,
        awsAccess: { ...ACCESS, region: regions[0], accessKeyId: `AKIAWORDS${String(index).padStart(11, '0')}` },
        registries: { regions: regions.slice(1) },
      }),
    );
    const most = await load.during(async () => {
      await load.serves();
      const begun = load.aws.requests.length;
      await eventually(() => Promise.resolve(load.aws.requests.length >= begun + 500 ? true : undefined), 90_000);
    });
    t.diagnostic(`800 denials of 200 KB: ${Math.round(most / 1e6)} MB at most`);
    assert.ok(most > 0);
  });
});
