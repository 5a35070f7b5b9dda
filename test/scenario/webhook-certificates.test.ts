// The webhook's certificates on a real API server: made, agreed on, renewed and repaired, while the API server calls
// it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import pLimit from 'p-limit';
import { API_VERSION, AUTHORITY_TYPE, GROUP, NAMESPACED_KIND } from '../../src/api/names.ts';
import { listen } from '../../src/http/server.ts';
import { type EpochMs, HOUR } from '../../src/lib/time.ts';
import { AUTHORITY_NAME, certificatesIn, type KeyPair } from '../../src/pki/certificate.ts';
import { makeAuthority, signLeaf } from '../../src/pki/sign.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { asMinutesPass } from '../../testing/clocks/as-time-passes.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { makeWeakPair } from '../../testing/network/self-signed.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import { CONFIGURATION_PATH } from '../../testing/operator/webhook-configuration.ts';
import { NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import {
  asAdmin,
  configure,
  freshNames,
  ownCertificate,
  REFUSED,
  removeWebhook,
  startWebhook,
  untilHeeded,
} from './webhook-rig.ts';

const DAY = 24 * HOUR;
const now = (): EpochMs => Date.now() as EpochMs;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const text = (value: unknown): string => Buffer.from(String(value), 'base64').toString();

/** @throws Error unless the server at this port has a certificate that `authorities` verify */
async function handshake(port: number, authorities: string): Promise<true> {
  const socket = connect({ port, host: '127.0.0.1', ca: authorities });
  await once(socket, 'secureConnect');
  socket.destroy();
  return true;
}

// Rule 18
describe("the webhook's own certificates", () => {
  const world = useWorld();
  let namespace = '';
  before(async () => {
    namespace = await world.api.createNamespace();
  });

  // oxlint-disable-next-line typescript/no-explicit-any -- whatever the API server answers
  const secretOf = async (name: string): Promise<any> => (await world.api.get(SECRET_PATH('kube-system', name))).body;
  const bundlesOf = async (name: string): Promise<readonly string[]> => {
    const { body } = await world.api.get(CONFIGURATION_PATH(name));
    return body.webhooks.map(
      ({ clientConfig }: { clientConfig: { caBundle?: string } }) => clientConfig.caBundle ?? '',
    );
  };
  /** Sends a request that the webhook refuses; 403 when it was called, 201 when the API server let the request pass. */
  const ask = async (): Promise<number> => {
    const body = {
      apiVersion: API_VERSION,
      kind: NAMESPACED_KIND,
      metadata: { name: 'asked' },
      spec: { awsAccess: REFUSED, secretName: 'asked' },
    };
    return (await world.api.send('POST', `${NAMESPACED_PATH(namespace)}?dryRun=All`, body)).status;
  };
  const storeAuthority = async (name: string, { certificate, key }: KeyPair): Promise<void> => {
    const data = { 'tls.crt': base64(certificate), 'tls.key': base64(key), 'ca.crt': base64(certificate) };
    await world.api.must('POST', SECRET_PATH('kube-system'), { metadata: { name }, type: AUTHORITY_TYPE, data });
  };

  test('come from an authority in a Secret, the only key that is stored; caBundle is all that is written', async () => {
    const names = freshNames();
    const operator = await world.startOperator({ access: asAdmin(world), webhook: ownCertificate(names) });
    await configure(world, names, [operator.operator.webhookPort ?? 0]);
    const { body: before } = await world.api.get(CONFIGURATION_PATH(names.configuration));
    await untilHeeded(world, namespace);
    const { body: after } = await world.api.get(CONFIGURATION_PATH(names.configuration));
    const secret = await secretOf(names.secret);
    assert.deepEqual(
      [secret.type, Object.keys(secret.data).sort()],
      [AUTHORITY_TYPE, ['ca.crt', 'tls.crt', 'tls.key']],
    );
    assert.equal(secret.data['ca.crt'], secret.data['tls.crt']);
    before.webhooks[0].clientConfig.caBundle = secret.data['ca.crt'];
    assert.deepEqual(after.webhooks, before.webhooks);
    await operator.stop();
    await removeWebhook(world, names);
  });

  test("are trusted again when a user empties caBundle, or adds a webhook before the operator's", async () => {
    const webhook = await startWebhook(world, namespace);
    const [good] = await bundlesOf(webhook.configuration);
    const path = CONFIGURATION_PATH(webhook.configuration);
    const patch = async (operations: readonly object[]): Promise<void> =>
      void (await world.api.must('PATCH', path, operations, 'application/json-patch+json'));
    await patch([{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }]);
    await eventually(async () => ((await bundlesOf(webhook.configuration))[0] === good ? true : undefined));
    const { body } = await world.api.get(path);
    const [ours] = body.webhooks;
    const { caBundle: _, ...clientConfig } = ours.clientConfig;
    await patch([{ op: 'add', path: '/webhooks/0', value: { ...ours, name: 'first.example.com', clientConfig } }]);
    await eventually(async () =>
      (await bundlesOf(webhook.configuration)).every((one) => one === good) ? true : undefined,
    );
    const { body: now } = await world.api.get(path);
    assert.deepEqual(now.webhooks, [{ ...ours, name: 'first.example.com' }, ours]);
    await untilHeeded(world, namespace);
    await webhook.end();
  });

  test('give way to another writer of caBundle after a while, and the operator says so', async () => {
    // The token bucket of its repairs is not refilled, however long this takes.
    const clock = createTravelClock();
    const begun = clock.monotonic();
    const webhook = await startWebhook(world, namespace, { ...clock, monotonic: () => begun });
    const { output } = webhook.operator;
    const hasGivenUp = (): boolean =>
      /somebody else changes caBundle of the webhook configuration again and again/.test(output());
    for (let turn = 0; turn < 15 && !hasGivenUp(); turn += 1) {
      await world.api.merge(CONFIGURATION_PATH(webhook.configuration), {
        metadata: { annotations: { turn: String(turn) } },
      });
      await world.api.send(
        'PATCH',
        CONFIGURATION_PATH(webhook.configuration),
        [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }],
        'application/json-patch+json',
      );
      await eventually(async () =>
        hasGivenUp() || (await bundlesOf(webhook.configuration))[0] !== '' ? true : undefined,
      );
    }
    assert.ok(hasGivenUp());
    assert.equal((await bundlesOf(webhook.configuration))[0], '');
    const writes = output().split('Wrote caBundle').length - 1;
    assert.ok(writes > 1 && writes <= 10, `${writes} writes`);
    await webhook.end();
  });

  test('of two replicas that start at once come from one authority', async () => {
    const names = freshNames();
    const replicas = await Promise.all(
      [1, 2].map(() => world.startOperator({ access: asAdmin(world), webhook: ownCertificate(names) })),
    );
    const ports = replicas.map(({ operator }) => operator.webhookPort ?? 0);
    await configure(world, names, ports);
    await untilHeeded(world, namespace);
    const authority = text((await secretOf(names.secret)).data['ca.crt']);
    assert.equal(certificatesIn(authority).length, 1);
    assert.deepEqual(await bundlesOf(names.configuration), [base64(authority), base64(authority)]);
    for (const port of ports) await eventually(() => handshake(port, authority));
    const made = replicas.map(({ output }) => output().split('Made a new authority').length - 1);
    assert.equal(made[0] === undefined || made[1] === undefined ? 0 : made[0] + made[1], 1);
    for (const replica of replicas) await replica.stop();
    await removeWebhook(world, names);
  });

  test('are renewed under a thousand requests, none of which goes past the webhook', async () => {
    const clock = createTravelClock();
    // Due in half a minute: an authority is good from an hour before it was made, and due after two thirds of a year.
    const old = await makeAuthority((now() + HOUR + 30_000 - (365 * DAY * 2) / 3) as EpochMs);
    const names = freshNames();
    await storeAuthority(names.secret, old);
    const operator = await world.startOperator({ clock, access: asAdmin(world), webhook: ownCertificate(names) });
    const port = operator.operator.webhookPort ?? 0;
    await configure(world, names, [port]);
    await untilHeeded(world, namespace);
    assert.deepEqual(await bundlesOf(names.configuration), [base64(old.certificate)]);

    const limit = pLimit(8);
    /** Sends so many requests, and lets a minute pass in the middle. */
    const load = async (count: number): Promise<void> => {
      const heard = Array.from({ length: count }, (_, index) =>
        limit(async () => {
          if (index === count / 2) clock.travel(61_000);
          return await ask();
        }),
      );
      assert.deepEqual(new Set(await Promise.all(heard)), new Set([403]));
    };
    await load(400);
    await eventually(async () =>
      (await bundlesOf(names.configuration))[0] === base64(old.certificate) ? undefined : true,
    );
    // Trusted already, and not used yet: other API servers may not have seen it.
    await handshake(port, old.certificate);
    await load(600);

    const { data } = await secretOf(names.secret);
    const newest = text(data['tls.crt']);
    assert.notEqual(newest, old.certificate);
    assert.deepEqual(certificatesIn(text(data['ca.crt'])), [newest, old.certificate]);
    assert.deepEqual(await bundlesOf(names.configuration), [data['ca.crt']]);
    await eventually(() => handshake(port, newest));
    await assert.rejects(handshake(port, old.certificate));
    await operator.stop();
    await removeWebhook(world, names);
  });

  test('are made anew when the Secret is broken, and when it is deleted', async () => {
    const clock = createTravelClock();
    const webhook = await startWebhook(world, namespace, clock);
    const first = text((await secretOf(webhook.secret)).data['tls.crt']);
    await world.api.merge(SECRET_PATH('kube-system', webhook.secret), { data: { 'tls.key': base64('broken') } });
    await asMinutesPass(clock, async () =>
      text((await secretOf(webhook.secret)).data['tls.crt']) !== first ? true : undefined,
    );
    // The served authority stays trusted until the API server has seen the new one.
    assert.deepEqual(certificatesIn(text((await secretOf(webhook.secret)).data['ca.crt'])).slice(1), [first]);
    await untilHeeded(world, namespace);
    // Good in every way, but that no server accepts its signatures, or that the operator's method cannot sign with it.
    const weak = makeWeakPair(AUTHORITY_NAME);
    const data = {
      'tls.crt': base64(weak.certificate),
      'tls.key': base64(weak.key),
      'ca.crt': base64(weak.certificate),
    };
    await world.api.merge(SECRET_PATH('kube-system', webhook.secret), { data });
    await asMinutesPass(clock, async () =>
      text((await secretOf(webhook.secret)).data['tls.crt']) !== weak.certificate ? true : undefined,
    );
    // The operator writes its line when the API server has answered it, which others can see the Secret before.
    await eventually(() =>
      /"why":"the Secret holds a certificate.*that TLS refuses/.test(webhook.operator.output()) ? true : undefined,
    );
    await untilHeeded(world, namespace);
    await world.api.must('DELETE', SECRET_PATH('kube-system', webhook.secret));
    await asMinutesPass(clock, async () => ((await secretOf(webhook.secret)).kind === 'Secret' ? true : undefined));
    await untilHeeded(world, namespace);
    await webhook.end();
  });

  test('are not put into a Secret of another owner, and the operator says so', async () => {
    const names = freshNames();
    await world.api.must('POST', SECRET_PATH('kube-system'), {
      metadata: { name: names.secret },
      stringData: { a: 'b' },
    });
    await configure(world, names, [1]);
    const operator = await world.startOperator({ access: asAdmin(world), webhook: ownCertificate(names) });
    await eventually(() =>
      /"reason":"SecretConflict".*is left alone; name another one/.test(operator.output()) ? true : undefined,
    );
    assert.deepEqual((await secretOf(names.secret)).data, { a: base64('b') });
    await operator.stop();
    await removeWebhook(world, names);
  });

  test('need no more rights than to one configuration and one Secret, by their names', async () => {
    const names = freshNames();
    const { configuration: name } = names;
    const rules = [
      {
        apiGroups: ['admissionregistration.k8s.io'],
        resources: ['validatingwebhookconfigurations'],
        resourceNames: [name],
        verbs: ['list', 'watch', 'patch'],
      },
      { apiGroups: [''], resources: ['secrets'], resourceNames: [names.secret], verbs: ['get', 'patch'] },
      { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'list', 'watch'] },
      { apiGroups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
      { apiGroups: [GROUP], resources: ['*'], verbs: ['list', 'watch'] },
    ];
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await world.api.must('POST', `${rbac}/clusterroles`, { metadata: { name }, rules });
    await world.api.must('POST', `${rbac}/clusterrolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', namespace, name }],
    });
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await world.api.must('POST', accounts, { metadata: { name } });
    const { status } = await world.api.must('POST', `${accounts}/${name}/token`, { spec: { audiences: [] } });
    // A right takes a moment to be in force; the operator retries a forbidden watch a minute later.
    await eventually(async () => {
      const reply = await world.api.as(status.token).get(`${CONFIGURATION_PATH()}?fieldSelector=metadata.name=${name}`);
      return reply.status === 200 ? true : undefined;
    });
    const access = accessTo(world.plane, status.token);
    const operator = await world.startOperator({ access, webhook: ownCertificate(names) });
    await configure(world, names, [operator.operator.webhookPort ?? 0]);
    await untilHeeded(world, namespace);
    await world.api.must(
      'PATCH',
      CONFIGURATION_PATH(name),
      [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }],
      'application/json-patch+json',
    );
    await eventually(async () => ((await bundlesOf(name))[0] === '' ? undefined : true));
    await operator.stop();
    await removeWebhook(world, names);
  });

  // Rule 15
  test('that the API server does not trust yet keep the operator from being ready for half a minute, no longer', async () => {
    const clock = createTravelClock();
    const names = freshNames();
    const operator = await world.startOperator({ clock, access: asAdmin(world), webhook: ownCertificate(names) });
    const ready = async (): Promise<readonly [number, string]> => {
      const reply = await fetch(`http://127.0.0.1:${operator.operator.probePort}/readyz`);
      return [reply.status, await reply.text()];
    };
    await eventually(async () => ((await ready())[1].includes('no such webhook configuration') ? true : undefined));
    assert.deepEqual(await ready(), [
      503,
      'waiting for the webhook: there is no such webhook configuration, or it may not be watched\n',
    ]);
    clock.travel(30_000);
    assert.deepEqual(await ready(), [200, 'ok\n']);
    // A new one could outlive the user's deletion of the configuration, and be in the way of the next installation.
    assert.equal((await secretOf(names.secret)).code, 404);
    await configure(world, names, [operator.operator.webhookPort ?? 0]);
    await untilHeeded(world, namespace);
    const absences = (): number => operator.output().split('there is no such webhook configuration').length;
    const before = absences();
    await world.api.must('DELETE', CONFIGURATION_PATH(names.configuration));
    await eventually(() => (absences() > before ? true : undefined));
    await world.api.must('DELETE', SECRET_PATH('kube-system', names.secret));
    for (let turn = 0; turn < 5; turn += 1) {
      clock.travel(61_000);
      assert.equal((await secretOf(names.secret)).code, 404);
    }
    await configure(world, names, [operator.operator.webhookPort ?? 0]);
    const { metadata } = await world.api.must('GET', CONFIGURATION_PATH(names.configuration));
    await untilHeeded(world, namespace);
    const made = await secretOf(names.secret);
    assert.ok(
      BigInt(made.metadata.resourceVersion) > BigInt(metadata.resourceVersion),
      'made when it was wanted again',
    );
    await operator.stop();
    await removeWebhook(world, names);
  });
});

// Rule 18
describe('a broken webhook', () => {
  const world = useWorld();
  test('blocks no request, whether it answers with garbage, with an error, or not at all', async () => {
    const namespace = await world.api.createNamespace();
    const authority = await makeAuthority(now());
    const { certificate: cert, key } = await signLeaf(authority, ['127.0.0.1'], now());
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => response.end('garbage'),
      (response) => response.writeHead(500).end(),
      (response) => response.end('{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}'),
      (response) => response.destroy(),
      () => {},
    ];
    let asked = 0;
    const server = createServer({ cert, key }, (_, response) => {
      asked += 1;
      answers[0]?.(response);
    });
    const port = await listen(server, { host: '127.0.0.1', port: 0 });
    const names = freshNames();
    await configure(world, names, [port], base64(authority.certificate));
    const path = CONFIGURATION_PATH(names.configuration);
    await world.api.must(
      'PATCH',
      path,
      [{ op: 'replace', path: '/webhooks/0/timeoutSeconds', value: 1 }],
      'application/json-patch+json',
    );
    const create = async (): Promise<number> =>
      (
        await world.api.send('POST', `${NAMESPACED_PATH(namespace)}?dryRun=All`, {
          apiVersion: API_VERSION,
          kind: NAMESPACED_KIND,
          metadata: { name: 'asked' },
          spec: { awsAccess: REFUSED, secretName: 'asked' },
        })
      ).status;
    await eventually(async () => ((await create()) === 201 && asked > 0 ? true : undefined));
    for (; answers.length > 0; answers.shift()) assert.equal(await create(), 201);
    server.closeAllConnections();
    server.close();
    await removeWebhook(world, names);
  });
});
