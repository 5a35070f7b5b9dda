// Secrets without an owner beside objects that are being deleted, and offers to objects of long names: what an attack
// on restores found.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import {
  ADOPT_ANNOTATION,
  API_VERSION,
  DOCKER_CONFIG_TYPE,
  MANAGED_BY_LABEL,
  NAMESPACED_KIND,
  OPERATOR_NAME,
  OWNER_UID_LABEL,
} from '../../src/api/names.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import {
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { base64 } from '../../testing/rigs/builders.ts';
import { ACCESS, createPullSecret, passwordOf } from './manifests.ts';

const HOST = `${GOOD_KEY.accountId}.dkr.ecr.eu-west-1.amazonaws.com`;
const ENTRY = { username: 'AWS', password: 'expired', auth: base64('AWS:expired') };

/** As a backup brings it back: with the uid of an object that is gone. */
function leftBehind(annotations: Readonly<Record<string, string>> = {}): object {
  const labels = { [MANAGED_BY_LABEL]: OPERATOR_NAME, [OWNER_UID_LABEL]: '00000000-0000-4000-8000-000000000001' };
  return {
    metadata: { name: 'ecr-login', labels, annotations },
    type: DOCKER_CONFIG_TYPE,
    data: { '.dockerconfigjson': base64(JSON.stringify({ auths: { [HOST]: ENTRY } })) },
  };
}

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
    const metadata = { name, finalizers: ['example.com/hold'] };
    const spec = { awsAccess: ACCESS, secretName: 'ecr-login' };
    await world.api.must('POST', NAMESPACED_PATH(namespace), {
      apiVersion: API_VERSION,
      kind: NAMESPACED_KIND,
      metadata,
      spec,
    });
    await world.ready(NAMESPACED_PATH(namespace, name));
    return NAMESPACED_PATH(namespace, name);
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
    await world.api.must('PUT', secret, leftBehind());
    await world.ready(NAMESPACED_PATH(namespace, 'younger'));
    assert.notEqual(passwordOf(await world.api.must('GET', secret)), ENTRY.password);
    await letGo(older);
  });

  test('and is offered to an object of the longest name goes to that one, and to no other', async () => {
    const name = 'l'.repeat(253);
    await world.api.must(
      'POST',
      SECRET_PATH(namespace),
      leftBehind({ [ADOPT_ANNOTATION]: `${NAMESPACED_KIND}/${name}` }),
    );
    await createPullSecret(world.api, namespace, 'another');
    await world.status(NAMESPACED_PATH(namespace, 'another'), ({ problems }) => problems !== undefined);
    assert.equal((await world.api.must('GET', secret)).metadata.ownerReferences, undefined);
    await createPullSecret(world.api, namespace, name);
    await world.ready(NAMESPACED_PATH(namespace, name));
    assert.equal((await world.api.must('GET', secret)).metadata.ownerReferences[0].name, name);
  });

  test('and is offered to a name that no object can have is left alone', async () => {
    await world.api.must('POST', SECRET_PATH(namespace), leftBehind({ [ADOPT_ANNOTATION]: 'long-name-'.repeat(100) }));
    await createPullSecret(world.api, namespace, 'another');
    await world.status(NAMESPACED_PATH(namespace, 'another'), ({ problems }) => problems !== undefined);
    assert.equal((await world.api.must('GET', secret)).metadata.ownerReferences, undefined);
  });
});
