// Covers the requests that change Secrets, as an API server gets them: which object in which version, with which
// content.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../../testing/api-server/test-api.ts';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { type Exchange, type ScriptedServer, startScriptedServer } from '../../../testing/network/scripted-server.ts';
import { base64, clusterPullSecret, login, START, seenSecret, spec, UID } from '../../../testing/rigs/builders.ts';
import { OWNER_UID_LABEL } from '../../api/names.ts';
import { makePayload } from '../../core/plan.ts';
import { NO_TEMPLATE } from '../../core/secret-template.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { isOtherObject } from '../../kube/api-error.ts';
import { createClient } from '../../kube/client.ts';
import { createStore, type Store } from '../../kube/store.ts';
import { createTransport, type Transport } from '../../kube/transport.ts';
import { isRecord, type JsonRecord } from '../../lib/json.ts';
import { SECOND, seconds } from '../../lib/time.ts';
import { createSecretWriter, type SecretWriter } from './secret-writer.ts';
import { SlowWrite } from './slow-writes.ts';

const PATH = '/api/v1/namespaces/ns1/secrets/ecr-login';
const OWNER = clusterPullSecret(spec());
const PAYLOAD = makePayload([login('eu-west-1')], 'digest-of-inputs', NO_TEMPLATE, START) ?? assert.fail();
const SEEN = seenSecret('ns1', PAYLOAD, { uid: 'uid-seen', resourceVersion: '7' });
const FORMER = 'uid-of-the-former-owner';

const OUR_LABELS = { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator', [OWNER_UID_LABEL]: UID };
const OUR_ANNOTATIONS = { expiry: PAYLOAD.expiry, 'aws.zakariaamine.com/inputs': 'digest-of-inputs' };
const OUR_DATA = { '.dockerconfigjson': PAYLOAD.content };
const OUR_REFERENCE = {
  apiVersion: 'aws.zakariaamine.com/v1alpha2',
  kind: 'ClusterAWSECRImagePullSecret',
  name: 'a',
  uid: UID,
  controller: true,
};
const ANOTHERS_REFERENCE = { apiVersion: 'example.com/v1', kind: 'Keeper', name: 'k', uid: 'uid-of-a-keeper' };

let server: ScriptedServer;
let transport: Transport;
let store: Store<SeenSecret>;
/** Content and origin of each change of the store. */
let changes: (readonly [content: string | undefined, own: boolean])[];
let writer: SecretWriter;

beforeEach(async () => {
  server = await startScriptedServer();
  transport = createTransport({ access: server.access(), clock: createManualClock(START), userAgent: 'test' });
  changes = [];
  store = createStore<SeenSecret>(({ after, own }) => void changes.push([after?.contentDigest, own]));
  store.replace(new Map(), '1');
  writer = createSecretWriter(
    createClient(transport, 'test'),
    store,
    createManualClock(START),
    new AbortController().signal,
  );
});
afterEach(async () => {
  transport.close();
  await server.stop();
});

/** A Secret from the API server, of another uid and version than `SEEN`, with another writer's fields in it. */
function onTheWire(uid = 'uid-now', resourceVersion = '9', config = '{"auths":{}}'): JsonRecord {
  return {
    type: 'kubernetes.io/dockerconfigjson',
    metadata: {
      namespace: 'ns1',
      name: 'ecr-login',
      uid,
      resourceVersion,
      labels: { team: 'a' },
      annotations: { note: 'b' },
      ownerReferences: [ANOTHERS_REFERENCE, { ...OUR_REFERENCE, uid: FORMER }],
    },
    data: { '.dockerconfigjson': base64(config), other: 'eA==' },
  };
}

/** Answers a GET by the Secret as it is now, and every other request by `status`. */
function answerBy(status: number, body: unknown = onTheWire(SEEN.uid, '10')): void {
  server.script((exchange) => {
    if (exchange.method === 'GET') exchange.answer(200, onTheWire());
    else exchange.answer(status, body);
  });
}

function bodyOf(exchange: Exchange): JsonRecord {
  const body: unknown = JSON.parse(exchange.body);
  return isRecord(body) ? body : assert.fail();
}

function lastRequest(): Exchange {
  return server.requests.at(-1) ?? assert.fail();
}

/** The sent body must be a merge patch of the Secret with exactly this in it. */
function assertPatched(want: JsonRecord): void {
  const { method, path, headers } = lastRequest();
  assert.deepEqual([method, path], ['PATCH', PATH]);
  assert.equal(headers['content-type'], 'application/merge-patch+json');
  assert.deepEqual(bodyOf(lastRequest()), want);
}

// Rule 1
describe('a write of a Secret', () => {
  test('that creates it is a POST, so that it cannot change an existing one', async () => {
    answerBy(201);
    await writer.create(OWNER, 'ns1', 'ecr-login', PAYLOAD);
    const { method, path } = lastRequest();
    assert.deepEqual([method, path], ['POST', PATH.replace('/ecr-login', '')]);
    assert.deepEqual(bodyOf(lastRequest()), {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/dockerconfigjson',
      metadata: {
        name: 'ecr-login',
        namespace: 'ns1',
        labels: OUR_LABELS,
        annotations: OUR_ANNOTATIONS,
        ownerReferences: [OUR_REFERENCE],
      },
      data: OUR_DATA,
    });
  });

  test("that updates it names the one that was seen, and holds only the operator's fields", async () => {
    answerBy(200);
    await writer.update(OWNER, SEEN, PAYLOAD);
    assert.equal(server.requests.length, 1);
    assertPatched({
      metadata: { uid: 'uid-seen', resourceVersion: '7', labels: OUR_LABELS, annotations: OUR_ANNOTATIONS },
      data: OUR_DATA,
    });
  });

  test('that adopts it is not sent when it opens further hosts, or cannot be read', async () => {
    const [host = ''] = PAYLOAD.hosts;
    for (const config of [`{"auths":{"${host}":{},"registry.example.com":{}}}`, '{}', 'no JSON', '{"auths":[]}']) {
      server.script((exchange) => exchange.answer(200, onTheWire(SEEN.uid, SEEN.resourceVersion, config)));
      assert.equal(await writer.adopt(OWNER, SEEN, PAYLOAD), false);
      assert.equal(lastRequest().method, 'GET');
    }
    server.script((exchange) => exchange.answer(200, onTheWire(SEEN.uid, '10', `{"auths":{"${host}":{}}}`)));
    assert.equal(await writer.adopt(OWNER, SEEN, PAYLOAD), true);
  });

  test('that adopts it names the one that was seen, though another may exist now, and keeps its other owners', async () => {
    answerBy(200);
    await writer.adopt(OWNER, SEEN, PAYLOAD);
    assertPatched({
      metadata: {
        uid: 'uid-seen',
        resourceVersion: '7',
        labels: OUR_LABELS,
        annotations: { ...OUR_ANNOTATIONS, 'aws.zakariaamine.com/adopt': null },
        ownerReferences: [ANOTHERS_REFERENCE, OUR_REFERENCE],
      },
      data: OUR_DATA,
    });
  });

  test('that hands it over names the existing one, and changes nothing but its owner', async () => {
    answerBy(200);
    assert.equal(await writer.handOver(OWNER, FORMER, 'ns1', 'ecr-login'), true);
    assertPatched({
      metadata: {
        uid: 'uid-now',
        resourceVersion: '9',
        labels: OUR_LABELS,
        ownerReferences: [ANOTHERS_REFERENCE, OUR_REFERENCE],
      },
    });
  });

  test('that deletes it names the one that was seen', async () => {
    answerBy(200, {});
    await writer.delete(SEEN);
    const { method, path } = lastRequest();
    assert.deepEqual([method, path], ['DELETE', PATH]);
    assert.deepEqual(bodyOf(lastRequest()), {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      preconditions: { uid: 'uid-seen', resourceVersion: '7' },
    });
  });
});

describe('the answer to a write', () => {
  const write = {
    create: () => writer.create(OWNER, 'ns1', 'ecr-login', PAYLOAD),
    update: () => writer.update(OWNER, SEEN, PAYLOAD),
    adopt: () => writer.adopt(OWNER, SEEN, PAYLOAD),
  };

  for (const [what, run] of Object.entries(write)) {
    test(`is known before the watch shows it, with what was sent, which it does not repeat: ${what}`, async () => {
      const { metadata } = onTheWire(SEEN.uid, '10');
      answerBy(200, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
      await run();
      assert.match(String(lastRequest().headers['accept']), /as=PartialObjectMetadata/);
      const { resourceVersion, type, contentDigest, immutable } = store.get('ns1/ecr-login') ?? assert.fail();
      assert.deepEqual([resourceVersion, immutable], ['10', false]);
      assert.deepEqual([type, contentDigest], ['kubernetes.io/dockerconfigjson', PAYLOAD.contentDigest]);
    });
  }

  for (const [what, run] of Object.entries(write)) {
    test(`may come after the event of what was sent, which is no news; what is not that, is: ${what}`, async () => {
      server.script((exchange) => {
        if (exchange.method === 'GET') return exchange.answer(200, onTheWire());
        const others = { ...SEEN, resourceVersion: '8', contentDigest: 'of others' };
        store.apply('ns1/ecr-login', others, '8');
        store.apply('ns1/ecr-login', { ...SEEN, resourceVersion: '9', ownerUid: 'of others' }, '9');
        store.apply('ns1/ecr-login', { ...SEEN, resourceVersion: '10' }, '10');
        exchange.answer(200, onTheWire(SEEN.uid, '10'));
      });
      await run();
      store.apply('ns1/ecr-login', { ...SEEN, resourceVersion: '11' }, '11');
      const { contentDigest } = PAYLOAD;
      const early = changes.slice(0, 3);
      assert.deepEqual(early, [
        ['of others', false],
        [contentDigest, false],
        [contentDigest, true],
      ]);
      assert.deepEqual(changes.at(-1), [contentDigest, false], 'an event after the answer is news again');
    });
  }

  test('that changed nothing is reported, and not taken for what was sent', async () => {
    answerBy(200, onTheWire(SEEN.uid, SEEN.resourceVersion));
    assert.equal(await writer.update(OWNER, SEEN, PAYLOAD), false);
    assert.equal(store.size, 0);
  });

  test('to a hand-over is left to the watch, which brings it to the new owner', async () => {
    answerBy(200);
    await writer.handOver(OWNER, FORMER, 'ns1', 'ecr-login');
    assert.equal(store.size, 0);
  });
});

// Rule 1
describe('a Secret that is another one by now', () => {
  const conflict = [409, { reason: 'Conflict', message: 'the object has been modified' }] as const;
  const other = [422, { reason: 'Invalid', message: 'metadata.uid: Invalid value: field is immutable' }] as const;

  for (const [status, body] of [conflict, other]) {
    test(`is not updated and not adopted, which the caller learns: ${status}`, async () => {
      answerBy(status, body);
      await assert.rejects(writer.update(OWNER, SEEN, PAYLOAD), isOtherObject);
      await assert.rejects(writer.adopt(OWNER, SEEN, PAYLOAD), isOtherObject);
      assert.equal(store.size, 0);
    });

    test(`must be read again for a hand-over: ${status}`, async () => {
      answerBy(status, body);
      assert.equal(await writer.handOver(OWNER, FORMER, 'ns1', 'ecr-login'), false);
    });
  }

  for (const [status, body] of [conflict, [404, { details: { kind: 'secrets' } }]] as const) {
    test(`needs no deletion: ${status}`, async () => {
      answerBy(status, body);
      await writer.delete(SEEN);
    });
  }

  test('is not handed over when it never was of the former owner', async () => {
    answerBy(200);
    assert.equal(await writer.handOver(OWNER, 'uid-of-nobody', 'ns1', 'ecr-login'), true);
    assert.deepEqual(
      server.requests.map(({ method }) => method),
      ['GET'],
    );
  });
});

test('a refusal for another reason is no answer about the object', async () => {
  answerBy(403, { reason: 'Forbidden', message: 'exceeded quota' });
  await assert.rejects(writer.delete(SEEN), /exceeded quota/);
  await assert.rejects(writer.handOver(OWNER, FORMER, 'ns1', 'ecr-login'), /exceeded quota/);
  answerBy(422, { reason: 'Invalid', message: 'data: Invalid value' });
  await assert.rejects(writer.handOver(OWNER, FORMER, 'ns1', 'ecr-login'), /data: Invalid value/);
});

// Rule 9
test('a large write waits two seconds at most for one in another namespace that does not end', async () => {
  const clock = createManualClock(START);
  const hasty = createSecretWriter(createClient(transport, 'test'), store, clock, new AbortController().signal);
  server.script((exchange) => {
    if (exchange.path.includes('/namespaces/c/')) exchange.answer(201, onTheWire());
  });
  const large = { ...PAYLOAD, content: 'A'.repeat(1_024 * 1_024) };
  const write = (namespace: string): Promise<void> => hasty.create(OWNER, namespace, 'ecr-login', large);
  const sent = (count: number): Promise<true> =>
    eventually(() => (server.requests.length === count ? true : undefined));
  const hanging = ['a', 'b'].map((namespace) => assert.rejects(write(namespace), SlowWrite));
  const third = write('c');
  await sent(1);
  await clock.advance(SECOND);
  await sent(2);
  await clock.advance(seconds(2));
  await Promise.all([...hanging, third]);
  assert.equal(server.requests.length, 3);
});
