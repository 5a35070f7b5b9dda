// How many questions go out, for whom, and how often: against a registry behind TLS, on a clock that the test moves.

import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import type { Socket } from 'node:net';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../../testing/api-server/test-api.ts';
import { createManualClock, type ManualClock } from '../../../testing/clocks/manual-clock.ts';
import { type ConnectProxy, startConnectProxy } from '../../../testing/network/connect-proxy.ts';
import { makeAuthority } from '../../../testing/network/self-signed.ts';
import { createOciRegistry, type OciRegistry } from '../../../testing/registry/oci-registry.ts';
import { login, pullSecret, START, spec } from '../../../testing/rigs/builders.ts';
import { NAMESPACED_KIND } from '../../api/names.ts';
import { type PullSecretObject, parseWish } from '../../core/resource.ts';
import { type DurationMs, HOUR, MINUTE, SECOND } from '../../lib/time.ts';
import { createRegistryClient } from '../../registry/client.ts';
import { createPullProbes, type Probed, type PullProbes } from './pull-probe.ts';

const LOGINS = [login('eu-west-1')];

describe('questions to a registry', () => {
  const authority = makeAuthority();
  let registry: OciRegistry;
  let proxy: ConnectProxy;
  let agent: Agent;
  let clock: ManualClock;
  let ending: AbortController;
  let probes: PullProbes;
  const woken: string[] = [];
  const hanging = new Set<Socket>();
  let hangs = false;

  before(async () => {
    proxy = await startConnectProxy({
      authority,
      serve: (_host, socket) => (hangs ? hanging.add(socket) : registry.accept(socket)),
    });
  });
  after(() => proxy.stop());
  beforeEach(() => {
    hangs = false;
    woken.length = 0;
    registry = createOciRegistry({ opens: () => 1_000 });
    agent = new Agent({ ca: authority.certificate, proxyEnv: { HTTPS_PROXY: proxy.url } });
    clock = createManualClock(START);
    ending = new AbortController();
    probes = createPullProbes({
      registry: createRegistryClient({
        agentFor: () => agent,
        proxyFor: () => 'proxy.example.com:3128',
        clock,
        userAgent: 'test',
      }),
      clock,
      random: () => 0.5,
      wake: (uid) => woken.push(uid) > 0,
      onAnswer: () => {},
      signal: ending.signal,
    });
  });
  afterEach(() => {
    ending.abort();
    for (const socket of hanging) socket.destroy();
    hanging.clear();
    agent.destroy();
  });

  const object = (uid: string, namespace: string, ...repositories: readonly string[]): PullSecretObject => ({
    ...pullSecret(NAMESPACED_KIND, spec({ probe: { repositories, interval: '10m' } })),
    uid,
    namespace,
  });
  const look = (one: PullSecretObject): Probed => {
    const wish = parseWish(one);
    return typeof wish === 'string' ? assert.fail(wish) : probes.look(one, wish, LOGINS);
  };
  const settled = (one: PullSecretObject): Promise<Probed> =>
    eventually(() => {
      const probed = look(one);
      return probed.conditions.length > 0 ? probed : undefined;
    });
  const names = (prefix: string, count: number): readonly string[] =>
    Array.from({ length: count }, (_, at) => `${prefix}/${at}`);

  test('of one namespace are no more than its bucket allows, and delay none of another', async () => {
    const greedy = ['one', 'two', 'three'].map((uid) => object(uid, 'greedy', ...names(uid, 16)));
    for (let round = 0; round < 20; round += 1) {
      for (const one of greedy) look(one);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await settled(object('modest', 'modest', 'app'));
    await eventually(() => {
      for (const one of greedy) look(one);
      return registry.calls.length >= 17 ? true : undefined;
    });
    for (const one of greedy) assert.notEqual(look(one).conditions.length + Number(look(one).nextAt ?? 0), 0);
    assert.equal(registry.calls.length, 17);
    await clock.advance((3 * SECOND) as DurationMs);
    await eventually(() => {
      for (const one of greedy) look(one);
      return registry.calls.length >= 20 ? true : undefined;
    });
    assert.equal(registry.calls.length, 20);
  });

  test('that get no answer end after ten seconds, and are asked again after a minute', async () => {
    hangs = true;
    const one = object('one', 'ns1', 'app');
    assert.deepEqual(look(one).conditions, []);
    await eventually(() => (hanging.size > 0 ? true : undefined));
    await clock.advance((11 * SECOND) as DurationMs);
    const { conditions, nextAt } = await settled(one);
    assert.deepEqual([conditions[0]?.status, conditions[0]?.reason], ['Unknown', 'RegistryUnreachable']);
    assert.match(conditions[0]?.message ?? '', /no answer in time \(by way of the proxy proxy\.example\.com:3128\)/);
    // A try that failed is repeated after a minute.
    assert.equal(nextAt, START + 10 * SECOND + MINUTE);
    assert.deepEqual(woken, ['one']);
    hangs = false;
    await clock.advance((10 * MINUTE) as DurationMs);
    look(one);
    await eventually(() => (look(one).conditions[0]?.status === 'True' ? true : undefined));
  });

  test('that fail once change nothing, and three times in a row the answer', async () => {
    const one = object('one', 'ns1', 'app');
    await settled(one);
    let answers = 0;
    const failed = async (): Promise<string | undefined> => {
      hangs = true;
      agent.destroy();
      await eventually(() => {
        look(one);
        return hanging.size > answers ? true : undefined;
      });
      answers = hanging.size;
      await clock.advance((11 * SECOND) as DurationMs);
      await new Promise((resolve) => setImmediate(resolve));
      return look(one).conditions[0]?.reason;
    };
    await clock.advance((10 * MINUTE) as DurationMs);
    assert.equal(await failed(), 'Pullable');
    await clock.advance(MINUTE);
    assert.equal(await failed(), 'Pullable');
    await clock.advance((2 * MINUTE) as DurationMs);
    await failed();
    await eventually(() => (look(one).conditions[0]?.reason === 'RegistryUnreachable' ? true : undefined));
  });

  test('after a start are spread over ten minutes where the status has an answer', () => {
    const standing = { type: 'Pullable', status: 'True', reason: 'Pullable', message: 'so' } as const;
    const times = { observedGeneration: 1, lastTransitionTime: '2023-10-04T20:00:00Z' };
    const one = { ...object('one', 'ns1', 'app'), status: { conditions: [{ ...standing, ...times }] } };
    const probed = look(one);
    assert.deepEqual(probed.conditions, [{ ...standing, ...times }]);
    assert.equal(probed.nextAt, clock.now() + 5 * MINUTE);
    assert.equal(registry.calls.length, 0);
  });

  test('are none with a login that has ended, and none of an object that no longer asks', async () => {
    await clock.advance((13 * HOUR) as DurationMs);
    const { conditions, nextAt } = look(object('one', 'ns1', 'app'));
    assert.deepEqual([conditions[0]?.status, conditions[0]?.reason, nextAt], ['Unknown', 'NoLogin', undefined]);
    const silent = { ...pullSecret(NAMESPACED_KIND, spec()), uid: 'one' };
    assert.deepEqual(look(silent), { conditions: [], nextAt: undefined });
    assert.equal(registry.calls.length, 0);
  });

  test('that were answered are forgotten with the last object that asks them', async () => {
    const [one, other] = [object('one', 'ns1', 'app'), object('other', 'ns2', 'app')];
    await settled(one);
    await settled(other);
    assert.equal(registry.calls.length, 1);
    probes.forget('one');
    assert.equal(look(other).conditions.length, 1);
    probes.forget('other');
    await settled(one);
    assert.equal(registry.calls.length, 2);
  });
});
