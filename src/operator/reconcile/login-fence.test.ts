// Covers where the fence looks for a login that another operator has announced: in the Secrets, of which users can
// forge any number.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { after, login, pullSecret, START, seenSecret, spec, UID } from '../../../testing/rigs/builders.ts';
import { useViewRig } from '../../../testing/rigs/view-rig.ts';
import { objectKey } from '../../api/meta.ts';
import { CLUSTER_KIND } from '../../api/names.ts';
import { type Login, loginDigest } from '../../core/login.ts';
import { makePayload, type Payload } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { NO_TEMPLATE } from '../../core/secret-template.ts';
import { withLogins } from '../../core/status.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { createLogger } from '../../lib/log.ts';
import { createPacer } from '../../lib/pacer.ts';
import { HOUR } from '../../lib/time.ts';
import { createHeldLogins } from '../login/held-logins.ts';
import { createLoginBook } from '../login/login-book.ts';
import { createFence, type Fence, type FenceVerdict } from './login-fence.ts';
import { createStatusWriter } from './status-writer.ts';

const REGISTRY = { registry: 'eu-west-1', kind: 'private', region: 'eu-west-1' } as const;
const loginOf = (password: string, ends: number): Login => {
  const [expiresAt, auth] = [after(ends), { username: 'AWS', password }];
  return login('eu-west-1', { ...auth, expiresAt, digest: loginDigest(auth, expiresAt) });
};
const OLD = loginOf('ours', 11 * HOUR);
const LATER = loginOf('of the other one', 12 * HOUR);
const NONE: ReadonlySet<string> = new Set();
const payloadOf = (of: typeof OLD): Payload => makePayload([of], 'sha256:1', NO_TEMPLATE, START) as Payload;

// Rule 9
describe('a login that another operator has announced and written', () => {
  const clock = createManualClock(START);
  const { signal } = new AbortController();
  const rig = useViewRig();

  /** @param held  what this process holds already */
  const fenceOf = (object: PullSecretObject, held: Login | undefined): Fence => {
    const isThere = (): boolean => true;
    const logins = createLoginBook({
      source: { fetchToken: () => assert.fail('AWS is asked') },
      heldLogins: createHeldLogins({ pacer: createPacer(clock, () => 0, 1), clock, isThere }),
      clock,
      random: () => 0,
      isThere,
      wake: () => true,
    });
    if (held) {
      const { content, inputs } = payloadOf(held);
      logins.restore({ ...object, status: withLogins({}, [held]) }, content, inputs);
    }
    const { client, view, stores } = rig;
    const statuses = createStatusWriter({ client, view, stores, clock }, signal);
    return createFence({ client, view, store: stores.secrets, logins, statuses, clock });
  };
  const standing = async (wanted: JsonRecord, held: Login | undefined = OLD): Promise<FenceVerdict> => {
    const object = pullSecret(CLUSTER_KIND, wanted);
    const told = { ...object, status: withLogins({}, [LATER]) };
    return await fenceOf(object, held).standing(told, [REGISTRY], signal);
  };

  test('is found in the secret that holds it, though a user forged thirty that claim to end last', async () => {
    for (let index = 0; index < 30; index += 1) {
      const name = `a${index}`;
      const over = { name, expiry: index % 2 === 0 ? '9999-01-01T00:00:00Z' : payloadOf(LATER).expiry };
      rig.stores.secrets.apply(objectKey('a', name), seenSecret('a', payloadOf(OLD), over), '1');
    }
    rig.stores.secrets.apply(objectKey('b', 'ecr-login'), seenSecret('b', payloadOf(LATER)), '1');
    rig.server.script((exchange) =>
      exchange.answer(200, {
        type: 'kubernetes.io/dockerconfigjson',
        metadata: { name: 'ecr-login', namespace: 'b', uid: UID, resourceVersion: '1' },
        data: { '.dockerconfigjson': payloadOf(exchange.path.includes('/namespaces/b/') ? LATER : OLD).content },
      }),
    );
    assert.deepEqual(await standing(spec({ namespaces: ['b'], namespaceSelector: {} })), { op: 'clear' });
    assert.equal(rig.server.requests.length, 1);
    assert.deepEqual(await standing(spec({ namespaceSelector: {} })), { op: 'clear' });
  });

  test('is found too by a process that never held one, which asks AWS for none', async () => {
    rig.stores.secrets.apply(objectKey('b', 'ecr-login'), seenSecret('b', payloadOf(LATER)), '1');
    rig.server.script((exchange) =>
      exchange.answer(200, {
        type: 'kubernetes.io/dockerconfigjson',
        metadata: { name: 'ecr-login', namespace: 'b', uid: UID, resourceVersion: '1' },
        data: { '.dockerconfigjson': payloadOf(LATER).content },
      }),
    );
    const before = rig.server.requests.length;
    assert.deepEqual(await standing(spec({ namespaces: ['b'] }), undefined), { op: 'clear' });
    assert.equal(rig.server.requests.length, before + 1);
  });

  test('is announced before it is written into a secret that is there, though the status tells of none yet', async () => {
    const object = pullSecret(CLUSTER_KIND, spec({ namespaces: ['b'] }));
    const log = createLogger({ level: 'info', format: 'text', write: () => {}, clock });
    // Another operator has just made the secret, and told nothing so far: the object is a newer version by now.
    rig.server.script((exchange) => exchange.answer(409, { reason: 'Conflict' }));
    const before = rig.server.requests.length;
    const fence = fenceOf(object, OLD);
    assert.equal(await fence.pass({ object, held: [OLD], fresh: NONE }, false, log, signal), false);
    assert.deepEqual(
      rig.server.requests.slice(before).map(({ method, path }) => [method, path.split('/').at(-1)]),
      [['PATCH', 'status']],
    );
    // A first one is told once it is written.
    assert.equal(await fence.pass({ object, held: [OLD], fresh: NONE }, true, log, signal), true);
    assert.equal(rig.server.requests.length, before + 1);
  });

  test('overtakes those of its registry that were not fetched since, and no others', async () => {
    const plain = pullSecret(CLUSTER_KIND, spec({ namespaces: ['b'] }));
    const told = { ...plain, status: withLogins({}, [LATER]) };
    const log = createLogger({ level: 'info', format: 'text', write: () => {}, clock });
    const fence = fenceOf(plain, OLD);
    const before = rig.server.requests.length;
    const held = [OLD, login('us-east-1')];
    const fresh = new Set(['us-east-1']);
    assert.equal(await fence.pass({ object: told, held, fresh }, false, log, signal), false);
    assert.equal(rig.server.requests.length, before);
    const isOvertaken = (object: PullSecretObject, ...registries: readonly string[]): boolean =>
      fence.isOvertaken({ object, held: [OLD], fresh: new Set(registries) }, told);
    assert.equal(isOvertaken(told), true);
    assert.equal(isOvertaken(told, 'eu-west-1'), false, 'it was fetched after that was told');
    assert.equal(isOvertaken(plain, 'eu-west-1'), true, 'that was told after it was fetched');
    assert.equal(fence.isOvertaken({ object: plain, held: [LATER], fresh: NONE }, told), false);
  });

  test('keeps an earlier one, that could not be announced, from being written', async () => {
    const object = {
      ...pullSecret(CLUSTER_KIND, spec({ namespaces: ['b'] })),
      status: withLogins({}, [login('us-east-1')]),
    };
    const log = createLogger({ level: 'info', format: 'text', write: () => {}, clock });
    const candidate = { object, held: [OLD], fresh: NONE };
    for (const [announced, mayWrite] of [
      [[login('us-east-1')], true],
      [[LATER], false],
    ] as const) {
      const raw = {
        metadata: { ...object, uid: UID, generation: 1 },
        spec: object.spec,
        status: withLogins({}, announced),
      };
      rig.server.script((exchange) =>
        exchange.method === 'GET' ? exchange.answer(200, raw) : exchange.answer(500, { reason: 'InternalError' }),
      );
      assert.equal(await fenceOf(object, OLD).pass(candidate, false, log, signal), mayWrite);
    }
  });
});
