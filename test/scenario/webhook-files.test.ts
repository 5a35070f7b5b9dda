// A webhook with a certificate in files that another program writes: served, and renewed, as it comes.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { API_VERSION, CLUSTER_KIND, NAMESPACED_KIND } from '../../src/api/names.ts';
import { type EpochMs, HOUR } from '../../src/lib/time.ts';
import type { KeyPair } from '../../src/pki/certificate.ts';
import { makeAuthority, signLeaf } from '../../src/pki/sign.ts';
import { asMinutesPass } from '../../testing/clocks/as-time-passes.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { makeSelfSigned, makeWeakPair } from '../../testing/network/self-signed.ts';
import { CLUSTER_PATH, NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';
import { asAdmin, configure, freshNames, ownCertificate, REFUSED, removeWebhook, untilHeeded } from './webhook-rig.ts';

const DAY = 24 * HOUR;
const now = (): EpochMs => Date.now() as EpochMs;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A key of 1024 bits, as some still exist; and a second certificate that is cut. */
function refusedByTls(good: KeyPair): Readonly<Record<string, Pick<KeyPair, 'certificate' | 'key'>>> {
  const half = `${good.certificate.slice(0, 300)}\n-----END CERTIFICATE-----\n`;
  return { weak: makeWeakPair('weak'), cut: { certificate: good.certificate + half, key: good.key } };
}

// Rule 18
describe('a certificate in files', () => {
  const world = useWorld();
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'webhook-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  const put = ({ certificate, key }: { readonly certificate: string; readonly key: string }): void => {
    writeFileSync(join(folder, 'tls.crt'), certificate);
    writeFileSync(join(folder, 'tls.key'), key);
  };

  test('serves an operator of some namespaces, which refuses no object for a namespace elsewhere', async (t) => {
    const [inside, elsewhere] = [await world.api.createNamespace(), await world.api.createNamespace()];
    const authority = await makeAuthority((now() - DAY) as EpochMs);
    put(await signLeaf(authority, ['127.0.0.1'], now()));
    const names = freshNames();
    const webhook = ownCertificate(names, { certificate: { op: 'files', folder } });
    const operator = await world.startOperator({ access: asAdmin(world), scope: [inside], webhook });
    t.after(() => operator.stop());
    t.after(() => removeWebhook(world, names));
    await configure(world, names, [operator.operator.webhookPort ?? 0], base64(authority.certificate));
    await untilHeeded(world, inside);
    const { status, body } = await world.api.send('POST', CLUSTER_PATH(), {
      apiVersion: API_VERSION,
      kind: CLUSTER_KIND,
      metadata: { name: `elsewhere-${elsewhere}` },
      spec: { awsAccess: { region: 'eu-west-1', secretRef: { name: 'a' } }, secretName: 'a', namespaces: [elsewhere] },
    });
    assert.equal(status, 201, body.message);
    await world.api.must('DELETE', CLUSTER_PATH(`elsewhere-${elsewhere}`));
  });

  test('is served; one that has ended, or does not fit its key, blocks no request; a new one is taken up', async () => {
    const clock = createTravelClock();
    const namespace = await world.api.createNamespace();
    const authority = await makeAuthority((now() - 20 * DAY) as EpochMs);
    const leaf = (madeAt: number): Promise<KeyPair> => signLeaf(authority, ['127.0.0.1'], madeAt as EpochMs);
    const ended = await leaf(now() - 10 * DAY);
    put(ended);
    const names = freshNames();
    const webhook = ownCertificate(names, { certificate: { op: 'files', folder } });
    const operator = await world.startOperator({ clock, access: asAdmin(world), webhook });
    await configure(world, names, [operator.operator.webhookPort ?? 0], base64(authority.certificate));
    const create = async (name: string): Promise<number> => {
      const body = {
        apiVersion: API_VERSION,
        kind: NAMESPACED_KIND,
        metadata: { name },
        spec: { awsAccess: REFUSED, secretName: name },
      };
      return (await world.api.send('POST', NAMESPACED_PATH(namespace), body)).status;
    };
    assert.equal(await create('while-ended'), 201);
    put(await leaf(now()));
    await asMinutesPass(clock, () => (operator.output().split('has a new certificate').length > 2 ? true : undefined));
    await untilHeeded(world, namespace);
    assert.equal(await create('refused'), 403);
    put({ ...makeSelfSigned(), key: ended.key });
    await asMinutesPass(clock, () =>
      operator.output().includes('does not belong to its certificate') ? true : undefined,
    );
    assert.equal(await create('refused-too'), 403);
    for (const [what, pair] of Object.entries(refusedByTls(await leaf(now())))) {
      const begun = operator.output().length;
      const hasSaid = (words: string) => () => (operator.output().slice(begun).includes(words) ? true : undefined);
      put(pair);
      await asMinutesPass(clock, hasSaid('that TLS refuses: too weak, or broken'));
      assert.equal(await create(what), 403, what);
      put(await leaf(now()));
      await asMinutesPass(clock, hasSaid('has a new certificate'));
    }
    await operator.stop();
    assert.equal(await create('while-down'), 201);
    await removeWebhook(world, names);
  });
});
