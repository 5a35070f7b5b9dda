// A user tampers with the Secret of the webhook's authority while it runs: whatever is in it, the API server goes on
// calling the webhook.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AUTHORITY_TYPE } from '../../src/api/names.ts';
import type { EpochMs } from '../../src/lib/time.ts';
import { makeAuthority } from '../../src/pki/sign.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { asMinutesPass } from '../../testing/clocks/as-time-passes.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { type RunningWebhook, startWebhook, untilHeeded } from './webhook-rig.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

// Rule 18
describe('the authority of a webhook', () => {
  const world = useWorld();
  const clock = createTravelClock();
  let namespace = '';
  let webhook: RunningWebhook;
  before(async () => {
    namespace = await world.api.createNamespace();
    webhook = await startWebhook(world, namespace, clock);
  });
  after(() => webhook.end());

  const path = (): string => SECRET_PATH('kube-system', webhook.secret);
  // oxlint-disable-next-line typescript/no-explicit-any -- as ApiReply.body
  const dataNow = async (): Promise<any> => (await world.api.must('GET', path())).data;
  /** The operator checks it once a minute. */
  const look = async (): Promise<void> => {
    clock.travel(61_000);
    await webhook.operator.idle();
    await untilHeeded(world, namespace);
  };

  test('may be another good one: what it signs is served and trusted', async () => {
    const { certificate, key } = await makeAuthority(Date.now() as EpochMs);
    const data = { 'tls.crt': base64(certificate), 'tls.key': base64(key), 'ca.crt': base64(certificate) };
    await world.api.merge(path(), { data });
    await look();
    assert.equal((await dataNow())['tls.crt'], data['tls.crt']);
  });

  for (const [what, data] of [
    ['garbage', { 'tls.crt': base64('x'), 'tls.key': base64('y'), 'ca.crt': base64('z') }],
    ['nothing', { 'tls.crt': null, 'tls.key': null, 'ca.crt': null }],
    ['nearly a megabyte', { 'tls.crt': base64('x'.repeat(700_000)), 'ca.crt': base64('-----BEGIN '.repeat(20_000)) }],
  ] as const)
    test(`that is replaced by ${what} is made anew`, async () => {
      await world.api.merge(path(), { data });
      await asMinutesPass(clock, async () => {
        return Buffer.from((await dataNow())['tls.crt'] ?? '', 'base64')
          .toString()
          .startsWith('-----BEGIN CERTIFICATE')
          ? true
          : undefined;
      });
      await look();
    });

  test('that gives way to a Secret of another owner leaves that one alone, says so, and serves as before', async () => {
    const stranger = { metadata: { name: webhook.secret }, type: 'Opaque', data: { a: base64('b') } };
    // The operator may be faster.
    await eventually(async () => {
      await world.api.must('DELETE', path());
      return (await world.api.send('POST', SECRET_PATH('kube-system'), stranger)).status === 201 ? true : undefined;
    });
    const hasSaidSo = (): boolean => /"reason":"SecretConflict"/.test(webhook.operator.output());
    await asMinutesPass(clock, () => (hasSaidSo() ? true : undefined));
    await look();
    assert.deepEqual(await dataNow(), { a: base64('b') });
    await world.api.must('DELETE', path());
    await asMinutesPass(clock, async () => {
      return (await world.api.must('GET', path())).type === AUTHORITY_TYPE ? true : undefined;
    });
    await look();
  });
});
