// Secrets without an owner beside objects that are being deleted, and offers to objects of long names: what an attack
// on restores found.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { ADOPT_ANNOTATION, NAMESPACED_KIND } from '../../src/api/names.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { NAMESPACED_PATH, type RunningOperator, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { backedUpSecret } from './backed-up-secret.ts';
import { createPullSecret, passwordOf } from './manifests.ts';

// Rules 1, 3, 4
describe('a secret that has lost its owner', () => {
  const world = useWorld();
  let operator: RunningOperator;
  let namespace = '';
  let secret = '';
  before(async () => {
    operator = await world.startOperator();
  });
  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    secret = SECRET_PATH(namespace, 'ecr-login');
  });

  /** Another controller's finalizer holds it once it is deleted. */
  const createHeld = async (name: string): Promise<string> => {
    const path = NAMESPACED_PATH(namespace, name);
    await createPullSecret(world.api, namespace, name);
    await world.api.merge(path, { metadata: { finalizers: ['example.com/hold'] } });
    await world.ready(path);
    return path;
  };
  const leaveBehind = async (annotations: object): Promise<void> => {
    await world.api.must('POST', SECRET_PATH(namespace), backedUpSecret({}, {}, annotations));
  };
  const letGo = async (path: string): Promise<void> => {
    await world.api.merge(path, { metadata: { finalizers: null } });
    await eventually(async () => ((await world.api.get(path)).status === 404 ? true : undefined));
  };

  test('stays when its object was deleted with --cascade=orphan, and another finalizer held that for a while', async () => {
    const path = await createHeld('orphans');
    const { uid } = (await world.api.must('GET', secret)).metadata;
    await world.api.must('DELETE', path, { propagationPolicy: 'Orphan' });
    // The garbage collector learns of new kinds every half minute.
    await eventually(async () => {
      const { finalizers } = (await world.api.must('GET', path)).metadata;
      return finalizers.includes('orphan') ? undefined : true;
    }, 60_000);
    await operator.idle();
    await letGo(path);
    await operator.idle();
    const { metadata } = await world.api.must('GET', secret);
    assert.deepEqual([metadata.uid, metadata.ownerReferences], [uid, undefined]);
  });

  test('is taken over by an object that lives, though an older one is being deleted', async () => {
    const older = await createHeld('older');
    await world.api.must('DELETE', older);
    await createPullSecret(world.api, namespace, 'younger');
    await world.api.must('PUT', secret, backedUpSecret());
    await world.ready(NAMESPACED_PATH(namespace, 'younger'));
    assert.notEqual(passwordOf(await world.api.must('GET', secret)), 'expired');
    await letGo(older);
  });

  test('and is offered to an object of the longest name goes to that one, and to no other', async () => {
    const name = 'l'.repeat(253);
    await leaveBehind({ [ADOPT_ANNOTATION]: `${NAMESPACED_KIND}/${name}` });
    await createPullSecret(world.api, namespace, 'another');
    await world.status(NAMESPACED_PATH(namespace, 'another'), ({ problems }) => problems !== undefined);
    assert.equal((await world.api.must('GET', secret)).metadata.ownerReferences, undefined);
    await createPullSecret(world.api, namespace, name);
    await world.ready(NAMESPACED_PATH(namespace, name));
    assert.equal((await world.api.must('GET', secret)).metadata.ownerReferences[0].name, name);
  });

  test('and is offered to a name that no object can have is left alone', async () => {
    await leaveBehind({ [ADOPT_ANNOTATION]: 'long-name-'.repeat(100) });
    await createPullSecret(world.api, namespace, 'another');
    await world.status(NAMESPACED_PATH(namespace, 'another'), ({ problems }) => problems !== undefined);
    assert.equal((await world.api.must('GET', secret)).metadata.ownerReferences, undefined);
  });
});
