// The behaviour of a real API server on which the operator's writes rely: a test double would only agree.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RESOURCES } from '../../src/api/kinds.ts';
import { SECRETS } from '../../src/api/meta.ts';
import {
  type ApiError,
  isConflict,
  isGone,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  isOtherObject,
} from '../../src/kube/api-error.ts';
import { createClient, type KubeClient } from '../../src/kube/client.ts';
import { createEventRecorder } from '../../src/kube/events.ts';
import type { Transport } from '../../src/kube/transport.ts';
import type { JsonRecord } from '../../src/lib/json.ts';
import { createLogger } from '../../src/lib/log.ts';
import { systemClock } from '../../src/lib/time.ts';
import { createStatusWriter } from '../../src/operator/reconcile/status-writer.ts';
import { pullSecretOf } from '../../src/operator/state/reduced-objects.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createTestView } from '../../testing/rigs/view-rig.ts';
import { createPullSecret } from '../scenario/manifests.ts';
import { errorOf, type Metadata, metadataOf, openTransport } from './client-rig.ts';

const ANOTHER_UID = '00000000-0000-0000-0000-000000000000';
const { signal } = new AbortController();

const PARTIAL = 'PartialObjectMetadata';

describe('a real API server that is written to', () => {
  const world = useWorld();
  let transport: Transport;
  let client: KubeClient;
  let namespace = '';

  before(async () => {
    transport = openTransport(world.plane);
    client = createClient(transport, 'conformance');
    namespace = await world.api.createNamespace();
  });
  after(() => transport.close());

  const createSecret = async (name: string, more: JsonRecord = {}): Promise<Metadata> =>
    metadataOf(
      await client.create(
        SECRETS,
        namespace,
        { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, ...more },
        signal,
      ),
    );

  test('answers a delete with a wrong uid by 409 and leaves the object', async () => {
    const { name, resourceVersion } = await createSecret('wrong-uid');
    const error = await errorOf(
      client.delete(SECRETS, { namespace, name }, { uid: ANOTHER_UID, resourceVersion }, signal),
    );
    assert.ok(isConflict(error));
    assert.equal((await world.api.get(SECRET_PATH(namespace, name))).status, 200);
    // The connection is as good as before: the body was framed.
    assert.equal(metadataOf(await client.get(SECRETS, namespace, name, signal)).name, name);
  });

  test('answers a delete with a stale version by 409 and leaves the object', async () => {
    const { name, uid, resourceVersion } = await createSecret('stale-version');
    await world.api.merge(SECRET_PATH(namespace, name), { metadata: { labels: { a: 'b' } } });
    assert.ok(isConflict(await errorOf(client.delete(SECRETS, { namespace, name }, { uid, resourceVersion }, signal))));
    assert.equal((await world.api.get(SECRET_PATH(namespace, name))).status, 200);
  });

  test('answers a delete with the right uid and version by deleting', async () => {
    const { name, uid, resourceVersion } = await createSecret('right');
    await client.delete(SECRETS, { namespace, name }, { uid, resourceVersion }, signal);
    assert.ok(isNotFound(await errorOf(client.get(SECRETS, namespace, name, signal))));
  });

  test('answers a patch with a stale version by 409 and with a wrong uid by 422, and changes nothing', async () => {
    const { name, uid, resourceVersion } = await createSecret('patched');
    const at = { namespace, name };
    const data = { key: 'eA==' };
    await world.api.merge(SECRET_PATH(namespace, name), { metadata: { labels: { a: 'b' } } });
    const stale = await errorOf(client.patch(SECRETS, at, { metadata: { uid, resourceVersion }, data }, signal));
    assert.ok(isConflict(stale) && isOtherObject(stale));
    const other = await errorOf(client.patch(SECRETS, at, { metadata: { uid: ANOTHER_UID }, data }, signal));
    assert.equal(other.status, 422);
    assert.ok(isOtherObject(other) && !isConflict(other));
    const invalid = await errorOf(client.patch(SECRETS, at, { metadata: { labels: { a: '!' } } }, signal));
    assert.equal(invalid.status, 422);
    assert.ok(!isOtherObject(invalid), 'trying again does not help');
    assert.equal((await world.api.get(SECRET_PATH(namespace, name))).body.data, undefined);
  });

  test('answers a creation and a patch with the metadata, and repeats nothing else of what was sent', async () => {
    const data = { key: 'eA==' };
    const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'short', namespace }, data };
    const created = await client.create(SECRETS, namespace, body, signal);
    const patched = await client.patch(SECRETS, { namespace, name: 'short' }, { data: { other: 'eA==' } }, signal);
    for (const answer of [created, patched]) assert.deepEqual([answer['kind'], answer['data']], [PARTIAL, undefined]);
    const { resourceVersion } = metadataOf(await client.get(SECRETS, namespace, 'short', signal));
    assert.equal(metadataOf(patched).resourceVersion, resourceVersion);
  });

  test('leaves the version as it is when a write changes nothing', async () => {
    const { name, resourceVersion } = await createSecret('unchanged', { data: { key: 'eA==' } });
    const answer = await client.patch(SECRETS, { namespace, name }, { data: { key: 'eA==' } }, signal);
    assert.equal(metadataOf(answer).resourceVersion, resourceVersion);
  });

  test('takes a status with a wrong uid (200), but not one with the version of another object (409)', async () => {
    const created = metadataOf(await createPullSecret(world.api, namespace, 'guarded'));
    const at = { namespace, name: 'guarded' };
    const resource = RESOURCES.AWSECRImagePullSecret;
    const status = { observedGeneration: 77 };
    // This is why the status writer sends the version; a server that refuses this would do no harm.
    await client.patchStatus(resource, at, { metadata: { uid: ANOTHER_UID }, status }, signal);
    await world.api.must('DELETE', NAMESPACED_PATH(namespace, 'guarded'));
    await createPullSecret(world.api, namespace, 'guarded');
    const { uid, resourceVersion } = created;
    assert.ok(
      isConflict(
        await errorOf(client.patchStatus(resource, at, { metadata: { uid, resourceVersion }, status }, signal)),
      ),
    );
    const { body } = await world.api.get(NAMESPACED_PATH(namespace, 'guarded'));
    assert.deepEqual(body.status, { observedGeneration: -1 });
  });

  test('replaces a status where all that is given of the object is so, whatever else has changed', async () => {
    const at = { namespace, name: 'overtaken' };
    const resource = RESOURCES.AWSECRImagePullSecret;
    const { uid } = metadataOf(await createPullSecret(world.api, namespace, at.name));
    const path = NAMESPACED_PATH(namespace, at.name);
    // What Go writes in another way than JavaScript.
    const message = 'a->b: <html> & \u2028\u2029 é \u{1F433} "\\/\u007f';
    const problems = { count: 1, items: [{ namespace: 'a', reason: 'CreateSecretError', message }] };
    const first = { observedGeneration: 1, problems };
    const second = { ...first, expiresAt: '2026-01-01T00:00:00Z' };
    const given = { '/metadata/uid': uid, '/metadata/generation': 1, '/status': { observedGeneration: -1 } };
    const replace = (over: Partial<typeof given> | { '/status': object }, status: object): Promise<JsonRecord> =>
      client.replaceStatus(resource, at, { ...given, ...over }, status, signal);
    await world.api.merge(path, { metadata: { annotations: { note: '1' } } });
    assert.deepEqual((await replace({}, first))['status'], first);
    await world.api.merge(path, { metadata: { annotations: { note: '2' } } });
    for (const over of [
      {},
      { '/status': second },
      { '/status': first, '/metadata/uid': ANOTHER_UID },
      { '/status': first, '/metadata/generation': 2 },
    ])
      assert.ok(isInvalid(await errorOf(replace(over, second))), JSON.stringify(over));
    assert.deepEqual((await replace({ '/status': first }, second))['status'], second);
    await world.api.must('DELETE', path);
    assert.ok(isGone(await errorOf(replace({ '/status': second }, first))));
  });

  test('lets the status writer write nothing into an object of the same name that was created since', async () => {
    const raw = await createPullSecret(world.api, namespace, 'created-again');
    const object = pullSecretOf('AWSECRImagePullSecret', raw);
    assert.ok(object);
    const writer = createStatusWriter({ client, ...createTestView(), clock: systemClock }, signal);
    await world.api.must('DELETE', NAMESPACED_PATH(namespace, 'created-again'));
    assert.equal(await writer.write(object, { observedGeneration: 5 }), true, 'gone: nothing is left to be said');
    const again = pullSecretOf('AWSECRImagePullSecret', await createPullSecret(world.api, namespace, 'created-again'));
    assert.ok(again);
    assert.equal(await writer.write(object, { observedGeneration: 5 }), false);
    assert.equal(await writer.write(again, { observedGeneration: 1 }), true);
    const { body } = await world.api.get(NAMESPACED_PATH(namespace, 'created-again'));
    assert.equal(body.status.observedGeneration, 1);
  });

  test('says that a namespace is missing by 404, and that one is terminating by 403 with a cause', async () => {
    const create = (where: string): Promise<ApiError> => {
      const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'late', namespace: where } };
      return errorOf(client.create(SECRETS, where, body, signal));
    };
    assert.ok(isNotFound(await create('there-is-no-such-namespace')));
    await world.api.must('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'held-open' },
      spec: { finalizers: ['example.com/held'] },
    });
    await world.api.must('DELETE', '/api/v1/namespaces/held-open');
    const error = await create('held-open');
    assert.equal(error.status, 403);
    assert.ok(isNamespaceTerminating(error));
    await eventually(async () => {
      const { body } = await world.api.get('/api/v1/namespaces/held-open');
      const finalized = { ...body, spec: { finalizers: [] } };
      const { status } = await world.api.send('PUT', '/api/v1/namespaces/held-open/finalize', finalized);
      return status === 200 ? true : undefined;
    });
  });

  test('takes an Event about an object of a long name in a note of 1024 bytes, and no byte more', async () => {
    const lines: string[] = [];
    const events = createEventRecorder({
      client,
      clock: systemClock,
      log: createLogger({ level: 'debug', format: 'json', write: (line) => void lines.push(line), clock: systemClock }),
      instance: 'conformance',
      controller: 'aws.zakariaamine.com/conformance',
      signal,
    });
    const regarding = { apiVersion: 'v1', kind: 'Secret', namespace, name: `${'a'.repeat(199)}.b`, uid: ANOTHER_UID };
    events.record(regarding, {
      type: 'Normal',
      reason: 'Long',
      action: 'Write',
      note: `${'ü'.repeat(511)}xy${'z'.repeat(9)}`,
    });
    await events.flush();
    assert.deepEqual(lines, []);
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    const [event] = (await world.api.get(path)).body.items;
    assert.equal(event.note, `${'ü'.repeat(511)}xy`);
    const longer = { ...event, metadata: { name: 'longer', namespace }, note: `${event.note}z` };
    assert.equal((await world.api.send('POST', path, longer)).status, 422);
  });

  test('says that the name of an object is taken by 409, whatever is in the object', async () => {
    await createSecret('taken');
    const error = await errorOf(
      createSecret('taken', { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'e30=' } }),
    );
    assert.equal(error.apiReason, 'AlreadyExists');
  });
});
