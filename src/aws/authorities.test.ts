// Covers a change of the bundle of certificate authorities for AWS while the operator runs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { START } from '../../testing/rigs/builders.ts';
import { createLogger } from '../lib/log.ts';
import { MINUTE } from '../lib/time.ts';
import { followAuthorities } from './authorities.ts';
import type { HttpRequest } from './bounded-answers.ts';
import { createEgress, type Egress } from './egress.ts';

describe('a bundle of authorities that changes', () => {
  const [former, next] = [makeAuthority(), makeAuthority()];
  const end = new AbortController();
  const clock = createManualClock(START);
  const lines: string[] = [];
  const broken: number[] = [];
  let server: Server;
  let egress: Egress;
  /** The content of the file; undefined: it is deleted. */
  let file: string | undefined = former.certificate;
  let following: Promise<void>;

  before(async () => {
    const { certificate: cert, key } = next.issue('localhost');
    server = createServer({ cert, key }, (_request, response) => response.end('ok')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    egress = createEgress({ env: {}, certificateAuthorities: [former.certificate] });
    const read = (): Promise<string> =>
      file === undefined
        ? Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
        : Promise.resolve(file);
    const bundle = { file: '/aws.pem', text: former.certificate, onBroken: (count: number) => broken.push(count) };
    const log = createLogger({ level: 'info', format: 'text', write: (line) => lines.push(line), clock });
    const parts = { ...bundle, read, trust: (all: readonly string[]) => egress.trust(all), clock, log };
    following = followAuthorities(parts, end.signal);
  });
  after(async () => {
    end.abort();
    await following;
    egress.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  /** The status of an answer, or the code of the error. */
  const ask = async (): Promise<number | string> => {
    const { port } = server.address() as AddressInfo;
    const asked = { protocol: 'https:', hostname: 'localhost', port, method: 'GET', path: '/', headers: {}, query: {} };
    try {
      const { response } = await egress.route().handler.handle(asked as HttpRequest);
      (response.body as Readable).resume();
      return response.statusCode;
    } catch (thrown) {
      return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
    }
  };

  test('is in force within a minute; one without a certificate, or none at all, leaves the former one in force', async () => {
    const refused = await ask();
    assert.match(String(refused), /CERT|VERIFY|SIGNED/);
    file = next.certificate;
    await clock.advance(MINUTE);
    assert.equal(await ask(), 200);
    for (const bad of [
      'not a certificate',
      undefined,
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    ]) {
      file = bad;
      await clock.advance(MINUTE);
      assert.equal(await ask(), 200);
    }
    file = former.certificate;
    await clock.advance(MINUTE);
    assert.equal(await ask(), refused);
    file = `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${next.certificate}`;
    await clock.advance(MINUTE);
    assert.equal(await ask(), 200);
    assert.ok(lines.some((line) => line.includes('AWS_CA_BUNDLE: number 1 of the 2 certificates in /aws.pem')));
    assert.deepEqual(broken, [0, 0, 1]);
    assert.equal(lines.filter((line) => line.includes('Trusts the authorities of a changed AWS_CA_BUNDLE')).length, 3);
    assert.equal(lines.filter((line) => line.includes('is not used')).length, 3);
  });
});
