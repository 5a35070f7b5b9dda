// Covers which client certificate the API server sees: that of the connection's handshake.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../../testing/network/scripted-server.ts';
import { makeSelfSigned } from '../../testing/network/self-signed.ts';
import { type EpochMs, MINUTE } from '../lib/time.ts';
import type { ApiCredentials } from './access.ts';
import { createConnectionPool } from './connections.ts';
import { createTransport, type Transport } from './transport.ts';

describe('a client certificate', () => {
  const [first, second] = [makeSelfSigned(), makeSelfSigned()];
  let server: ScriptedServer;
  let transport: Transport;
  let caller: AbortController;
  let own = first;

  beforeEach(async () => {
    own = first;
    caller = new AbortController();
    server = await startScriptedServer();
    // New buffers each time, as a kubeconfig gives them.
    const credentials = (): Promise<ApiCredentials> => {
      const cert = Buffer.from(own.certificate);
      return Promise.resolve({ ca: Buffer.from(server.certificate), cert, key: Buffer.from(own.key), headers: {} });
    };
    const clock = createManualClock(1_700_000_000_000 as EpochMs);
    transport = createTransport({ access: server.access({ credentials }), clock, userAgent: 'test' });
  });
  afterEach(async () => {
    caller.abort();
    transport.close();
    await server.stop();
  });

  const ask = (): Promise<unknown> => transport.send({ method: 'GET', path: '/api' }, caller.signal);
  const watch = async (): Promise<void> => {
    await transport.stream({ method: 'GET', path: '/watch' }, MINUTE, caller.signal)[Symbol.asyncIterator]().next();
  };
  const shown = (): readonly (string | undefined)[] =>
    server.requests.map(({ clientCertificate }) => clientCertificate);

  test('that is renewed is shown with the next request, and with the next stream', async () => {
    server.script((exchange) => exchange.answer(200, {}));
    await ask();
    await watch();
    own = second;
    await ask();
    await watch();
    const [old, renewed] = [first.certificate, second.certificate];
    assert.deepEqual(shown(), [old, old, renewed, renewed]);
  });

  test('that is renewed cuts nothing that is in flight, and leaves no connection behind', async () => {
    const early = ask();
    const exchange = await server.next();
    own = second;
    const late = ask();
    (await server.next()).answer(200, {});
    await late;
    assert.equal(server.openSockets(), 2);
    exchange.answer(200, {});
    await early;
    await eventually(() => (server.openSockets() === 1 ? true : undefined));
  });

  test('that is the same, in other buffers, is shown over the existing connection', async () => {
    server.script((exchange) => exchange.answer(200, {}));
    for (let count = 0; count < 3; count += 1) await ask();
    assert.equal(new Set(server.requests.map(({ clientPort }) => clientPort)).size, 1);
  });
});

test('an address that is far gets two seconds, for requests and for streams, before the next one is tried', () => {
  const pool = createConnectionPool(1);
  const { requests, streams } = pool.connections({ headers: {} });
  for (const agent of [requests, streams])
    assert.equal(Reflect.get(agent.options, 'autoSelectFamilyAttemptTimeout'), 2_000);
  pool.close();
});
