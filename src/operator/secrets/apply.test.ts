// Covers the writes of one plan when the API server refuses, is overloaded, or gives no valid answer.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { type Exchange, type ScriptedServer, startScriptedServer } from '../../../testing/network/scripted-server.ts';
import { base64, login, pullSecret, START, seenSecret, spec } from '../../../testing/rigs/builders.ts';
import { NAMESPACED_KIND } from '../../api/names.ts';
import { type Action, makePayload, type Payload } from '../../core/plan.ts';
import { NO_TEMPLATE } from '../../core/secret-template.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { apiErrorFrom } from '../../kube/api-error.ts';
import { createClient } from '../../kube/client.ts';
import { createStore } from '../../kube/store.ts';
import { createTransport, type Transport } from '../../kube/transport.ts';
import { createLogger } from '../../lib/log.ts';
import { type Applied, type ApplyContext, applyPlan } from './apply.ts';
import { createSecretWriter, type SecretWriter } from './secret-writer.ts';

const OWNER = pullSecret(NAMESPACED_KIND, spec());
const PAYLOAD = makePayload([login('eu-west-1')], 'sha256:1', NO_TEMPLATE, START) as Payload;

type Refusal = readonly [status: number, body: object];
const QUOTA: Refusal = [403, { reason: 'Forbidden', message: 'exceeded quota: secrets' }];
const TERMINATING: Refusal = [
  403,
  { reason: 'Forbidden', message: 'is being terminated', details: { causes: [{ reason: 'NamespaceTerminating' }] } },
];
const GONE: Refusal = [404, { reason: 'NotFound', message: 'not found', details: { kind: 'secrets' } }];
/** Of an admission webhook, which may refuse with any status. */
const DENIED_AS_404: Refusal = [
  404,
  { message: 'admission webhook "one" denied the request: secrets "team" not found', details: { kind: 'secrets' } },
];
const TAKEN: Refusal = [409, { reason: 'AlreadyExists', message: 'already exists' }];
const STALE: Refusal = [409, { reason: 'Conflict', message: 'the object has been modified' }];
const ANOTHER: Refusal = [422, { reason: 'Invalid', message: 'metadata.uid: Invalid value: field is immutable' }];
const BUSY: Refusal = [429, { reason: 'TooManyRequests', message: 'too many requests' }];
const ILL: Refusal = [504, { reason: 'Timeout', message: 'timeout' }];

let server: ScriptedServer;
let transport: Transport;
let writer: SecretWriter;
let lines: string[];

beforeEach(async () => {
  lines = [];
  server = await startScriptedServer();
  transport = createTransport({ access: server.access(), clock: createManualClock(START), userAgent: 'test' });
  const { signal } = new AbortController();
  writer = createSecretWriter(
    createClient(transport, 'test'),
    createStore<SeenSecret>(() => {}),
    createManualClock(START),
    signal,
  );
});
afterEach(async () => {
  transport.close();
  await server.stop();
});

const create = (namespace: string): Action => ({ op: 'create', namespace, named: true });
const of = (namespace: string, over: Partial<SeenSecret> = {}): SeenSecret =>
  seenSecret(namespace, PAYLOAD, { contentDigest: 'sha256:old', ...over });
const change = (op: 'update' | 'adopt' | 'replace', namespace = 'a'): Action => ({
  op,
  namespace,
  named: true,
  seen: of(namespace),
});

/** As the API server stores it. */
function raw(
  { namespace, name, type, deleting, ownerUid, managed, ownerUidLabel }: SeenSecret,
  resourceVersion = '7',
): object {
  const owner = { apiVersion: 'aws.zakariaamine.com/v1alpha2', kind: NAMESPACED_KIND, name: 'x', controller: true };
  const labels = {
    ...(managed ? { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' } : {}),
    ...(ownerUidLabel ? { 'aws.zakariaamine.com/owner-uid': ownerUidLabel } : {}),
  };
  const metadata = {
    name,
    namespace,
    uid: `uid-of-${namespace}`,
    resourceVersion,
    labels,
    ownerReferences: ownerUid === undefined ? [] : [{ ...owner, uid: ownerUid }],
    ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type, data: { '.dockerconfigjson': base64('{"auths":{}}') } };
}

/** Answers by `METHOD` or `METHOD namespace`; every other request succeeds. */
function answering(answers: Readonly<Record<string, Refusal>>): void {
  server.script((exchange: Exchange) => {
    const namespace = /namespaces\/([^/]+)/.exec(exchange.path)?.[1] ?? '';
    const refusal = answers[`${exchange.method} ${namespace}`] ?? answers[exchange.method];
    if (refusal) exchange.answer(...refusal);
    else exchange.answer(200, raw(of(namespace), '8'));
  });
}

function apply(
  actions: readonly Action[],
  over: Partial<ApplyContext> = {},
  prune: readonly SeenSecret[] = [],
): Promise<Applied> {
  const context: ApplyContext = {
    writer,
    formerUid: undefined,
    known: { isLive: () => true, byUid: () => undefined },
    holdsUsableLogin: () => false,
    obstructed: new Set(),
    isLate: () => false,
    clock: createManualClock(START),
    signal: new AbortController().signal,
    log: createLogger({
      level: 'info',
      format: 'json',
      write: (line) => void lines.push(line),
      clock: createManualClock(START),
    }),
    ...over,
  };
  return applyPlan(context, OWNER, 'ecr-login', { actions, prune }, PAYLOAD);
}

/** The outcome for the namespace `a`, in one word; of a problem, its reason. */
function outcomeOf(applied: Applied): string {
  const { problems, delayed } = applied;
  const lists = ['created', 'updated', 'deleted', 'terminating', 'retry'] as const;
  const held = lists.filter((list) => applied[list].includes('a'));
  return [...held, ...problems.map(({ reason }) => reason), ...delayed.map(() => 'delayed')].join(' ');
}

const methods = (): readonly string[] => server.requests.map(({ method }) => method);

// Rules 1, 9
describe('a write that is refused', () => {
  const cases: Readonly<Record<string, { action: Action; answers: Record<string, Refusal>; want: string }>> = {
    'because the namespace is terminating is no problem': {
      action: create('a'),
      answers: { POST: TERMINATING },
      want: 'terminating',
    },
    'because of a quota is told': { action: create('a'), answers: { POST: QUOTA }, want: 'CreateSecretError' },
    'because the namespace is gone is told': {
      action: create('a'),
      answers: { POST: GONE },
      want: 'NamespaceNotFound',
    },
    'because the secret is gone by now is tried again': {
      action: change('update'),
      answers: { PATCH: GONE },
      want: 'retry',
    },
    'by a webhook that says 404 is told as its refusal, of a creation': {
      action: create('a'),
      answers: { POST: DENIED_AS_404 },
      want: 'CreateSecretError',
    },
    '… and of an update': {
      action: change('update'),
      answers: { PATCH: DENIED_AS_404 },
      want: 'UpdateSecretError',
    },
    'because it is another version by now is tried again': {
      action: change('update'),
      answers: { PATCH: STALE },
      want: 'retry',
    },
    'because it is another object by now is tried again': {
      action: change('update'),
      answers: { PATCH: ANOTHER },
      want: 'retry',
    },
    'because an update is not allowed is told': {
      action: change('update'),
      answers: { PATCH: QUOTA },
      want: 'UpdateSecretError',
    },
    'because an adoption is not allowed is told': {
      action: change('adopt'),
      answers: { PATCH: QUOTA },
      want: 'UpdateSecretError',
    },
    'because a replacement cannot be made is told': {
      action: change('replace'),
      answers: { POST: QUOTA },
      want: 'CreateSecretError',
    },
    'because something is there that cannot be read is told': {
      action: create('a'),
      answers: { POST: TAKEN, GET: QUOTA },
      want: 'GetSecretError',
    },
    'because something was there that is gone by now is tried again': {
      action: create('a'),
      answers: { POST: TAKEN, GET: GONE },
      want: 'retry',
    },
  };
  for (const [name, { action, answers, want }] of Object.entries(cases))
    test(name, async () => {
      answering(answers);
      assert.equal(outcomeOf(await apply([action])), want);
    });

  test('leaves the other namespaces served', async () => {
    answering({ 'POST a': QUOTA });
    const applied = await apply([create('a'), create('b'), change('update', 'c')]);
    assert.deepEqual([applied.created, applied.updated], [['b'], ['c']]);
    assert.equal(applied.failed, true);
  });

  test('for a deletion is reported, and does not count for the namespaces that are wanted', async () => {
    answering({ DELETE: ILL });
    const [told] = (await apply([], {}, [of('a')])).problems;
    assert.deepEqual([told?.reason, told?.named], ['DeleteSecretError', false]);
  });
});

// Rule 10
describe('a secret that is as before after it was written', () => {
  const changedBack: Record<string, Refusal> = { PATCH: [200, raw(of('a'), of('a').resourceVersion)] };

  test('is reported, and tried again', async () => {
    answering(changedBack);
    const applied = await apply([change('update')]);
    assert.equal(outcomeOf(applied), 'SecretContested');
    assert.match(applied.problems[0]?.message ?? '', /^the secret in namespace a is as before after it was written: /);
    assert.equal(applied.failed, true);
  });

  test('is only late when what it holds is good meanwhile', async () => {
    answering(changedBack);
    assert.equal(outcomeOf(await apply([change('update')], { holdsUsableLogin: () => true })), 'delayed');
  });
});

describe('another secret in the place of the wanted one', () => {
  const found = (over: Partial<SeenSecret>): Record<string, Refusal> => ({
    POST: TAKEN,
    GET: [200, raw(of('a', over))],
  });

  test("that is the operator's without its labels is taken over", async () => {
    answering(found({ managed: false, ownerUidLabel: undefined }));
    assert.equal(outcomeOf(await apply([create('a')])), 'updated');
  });

  test('that belongs to another owner is a conflict', async () => {
    answering(found({ ownerUid: 'x' }));
    assert.equal(outcomeOf(await apply([create('a')])), 'SecretConflict');
  });

  test('that a restore has just brought back is waited for, as the watch will show it', async () => {
    answering(found({ ownerUid: undefined }));
    assert.equal(outcomeOf(await apply([create('a')])), 'retry');
  });

  test('that is being deleted, and held by a finalizer, is reported', async () => {
    answering(found({ ownerUid: undefined, deleting: true }));
    const applied = await apply([create('a')]);
    assert.equal(outcomeOf(applied), 'SecretTerminating');
    assert.equal(applied.failed, true, 'nobody else tells when it is gone');
  });

  test("that the operator's own watch will show in a moment is waited for", async () => {
    answering(found({}));
    assert.equal(outcomeOf(await apply([create('a')])), 'retry');
  });

  // Rule 11
  test('that was in the way before is only read, and the wanted one is created when it is gone', async () => {
    answering(found({ ownerUid: 'x' }));
    const obstructed = new Set(['a']);
    assert.equal(outcomeOf(await apply([create('a')], { obstructed })), 'SecretConflict');
    assert.deepEqual(methods(), ['GET']);
    answering({ GET: GONE });
    assert.equal(outcomeOf(await apply([create('a')], { obstructed })), 'created');
  });
});

// Rule 7
describe('an update that fails for now', () => {
  test('is only late while the secret holds a good login', async () => {
    answering({ PATCH: ILL });
    const applied = await apply([change('update')], { holdsUsableLogin: () => true });
    assert.equal(outcomeOf(applied), 'delayed');
    assert.equal(applied.failed, true);
    assert.equal(outcomeOf(await apply([change('update')])), 'UpdateSecretError');
  });

  test('because a quota forbids it is reported, whatever the secret holds', async () => {
    answering({ PATCH: QUOTA });
    assert.equal(outcomeOf(await apply([change('update')], { holdsUsableLogin: () => true })), 'UpdateSecretError');
  });

  test('because the connection broke is late as well', async () => {
    server.script((exchange) => exchange.cut());
    assert.equal(outcomeOf(await apply([change('update')], { holdsUsableLogin: () => true })), 'delayed');
  });
});

describe('a secret that is another one each time', () => {
  test('is reported in the end, and is late only while it holds a good login', async () => {
    answering({ PATCH: STALE });
    assert.equal(outcomeOf(await apply([change('update')], { isLate: () => true })), 'SecretContested');
    assert.equal(
      outcomeOf(await apply([change('update')], { isLate: () => true, holdsUsableLogin: () => true })),
      'delayed',
    );
  });
});

// Rule 9
describe('one namespace of sixty in which a write', () => {
  const names = Array.from({ length: 60 }, (_, at) => `n${String(at).padStart(2, '0')}`);
  const [first = '', ...others] = names;
  for (const [name, thrown] of Object.entries({
    'is refused': apiErrorFrom(403, { message: 'exceeded quota' }, undefined),
    'gets no good answer': apiErrorFrom(500, {}, undefined),
    'is throttled': apiErrorFrom(429, {}, '5'),
    'fails as nobody foresaw': new TypeError('not a function'),
  }))
    test(`${name} does not end the plan for the others, however many they are`, async () => {
      const failing: SecretWriter = {
        ...writer,
        create: (_owner, namespace) => (namespace === first ? Promise.reject(thrown) : Promise.resolve()),
      };
      assert.deepEqual((await apply(names.map(create), { writer: failing })).created, others);
    });
});

// Rule 9
describe('a write that fails by a bug', () => {
  test('is logged with what was thrown, and delays no other', async () => {
    const broken: SecretWriter = {
      ...writer,
      create: (_owner, namespace) =>
        namespace === 'a' ? Promise.reject(new TypeError('not a function')) : Promise.resolve(),
    };
    const applied = await apply(['a', 'b'].map(create), { writer: broken });
    assert.equal(outcomeOf(applied), 'CreateSecretError');
    assert.deepEqual(applied.created, ['b']);
    assert.match(applied.problems[0]?.message ?? '', /its log has the details/);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /"level":"error".*"in":"a".*TypeError: not a function/);
  });

  test('is not what the API server refuses: the log has nothing beyond the status', async () => {
    answering({ POST: QUOTA });
    await apply([create('a')]);
    assert.deepEqual(lines, []);
  });
});

// Rule 12
describe('a plan whose writes are throttled', () => {
  test('is tried again no sooner than the longest Retry-After, and its other writes are done', async () => {
    const waits: Readonly<Record<string, string>> = { a: '3', b: '7' };
    const throttling: SecretWriter = {
      ...writer,
      create: (_owner, namespace) => {
        const wait = waits[namespace];
        return wait === undefined ? Promise.resolve() : Promise.reject(apiErrorFrom(429, {}, wait));
      },
    };
    const applied = await apply(['a', 'b', 'c'].map(create), { writer: throttling });
    assert.deepEqual(applied.retry, ['a', 'b']);
    assert.equal(applied.retryAfter, 7_000);
    assert.deepEqual(applied.created, ['c']);
    assert.deepEqual(applied.problems, []);
  });

  test('again and again is reported in the end: as a problem, or as late while the secret holds a good login', async () => {
    answering({ PATCH: BUSY, POST: BUSY });
    const isLate = (): boolean => true;
    assert.equal(outcomeOf(await apply([create('a')], { isLate })), 'CreateSecretError');
    const updated = await apply([change('update')], { isLate, holdsUsableLogin: () => true });
    assert.equal(outcomeOf(updated), 'delayed');
    assert.match(updated.delayed[0]?.message ?? '', /too many requests/);
    assert.deepEqual((await apply([create('a')], { isLate: (namespace) => namespace === 'b' })).retry, ['a']);
  });

  test('for a deletion is reported at once, and waits as long as the API server said', async () => {
    const throttling: SecretWriter = { ...writer, delete: () => Promise.reject(apiErrorFrom(429, {}, '5')) };
    const applied = await apply([], { writer: throttling }, [of('a')]);
    assert.deepEqual([outcomeOf(applied), applied.retryAfter], ['DeleteSecretError', 5_000]);
  });

  test('when the process is to end begins no further write', async () => {
    const applied = await apply([create('a')], { signal: AbortSignal.abort() });
    assert.equal(outcomeOf(applied), 'retry');
    assert.deepEqual(methods(), []);
  });
});
