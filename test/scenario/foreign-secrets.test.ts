// A foreign Secret in the place of a wanted one stays as it is, to the byte, however often the operator reconciles.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { boolean, constantFrom, dictionary, record, sample, subarray } from 'fast-check';
import {
  ADOPT_ANNOTATION,
  CLUSTER_KIND,
  DOCKER_CONFIG_KEY,
  DOCKER_CONFIG_TYPE,
  INPUTS_ANNOTATION,
  MANAGED_BY_LABEL,
  OPERATOR_NAME,
  OWNER_UID_LABEL,
  RECONCILE_AT_ANNOTATION,
} from '../../src/api/names.ts';
import { CLUSTER_PATH, conditionOf, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { base64 } from '../../testing/rigs/builders.ts';
import { createClusterPullSecret } from './manifests.ts';

const SECRETS = 30;
const RECONCILES = 50;

/**
 * Placeholders in a sample for the uid of the object that wants the Secret, and of a namespace, which the garbage
 * collector finds alive.
 */
const OBJECT = 'object';
const SOMEBODY = 'somebody';

/**
 * Any Secret but one of the operator's type that names the object as its owner, or is offered to it: it may write
 * those.
 */
const foreign = record({
  type: constantFrom('Opaque', 'example.com/own', DOCKER_CONFIG_TYPE),
  immutable: boolean(),
  labels: subarray([
    [MANAGED_BY_LABEL, OPERATOR_NAME],
    [MANAGED_BY_LABEL, 'Helm'],
    [OWNER_UID_LABEL, OBJECT],
    ['app', 'shop'],
  ] as const),
  annotations: subarray([
    ['expiry', '2001-01-01T00:00:00Z'],
    [INPUTS_ANNOTATION, 'sha256:0'],
    [ADOPT_ANNOTATION, `${CLUSTER_KIND}/another`],
  ] as const),
  owner: constantFrom(undefined, OBJECT, SOMEBODY),
  controller: boolean(),
  data: dictionary(
    constantFrom('__proto__', 'constructor', 'AWS_ACCESS_KEY_ID', 'value'),
    constantFrom('', 'eA==', 'AAECAw=='),
  ),
  config: constantFrom('null', '{}', '{"auths":null}', '{"auths":{"registry.example.com":{"auth":"eDp5"}}}'),
}).filter(({ type, owner }) => type !== DOCKER_CONFIG_TYPE || owner !== OBJECT);

// Rule 1
describe('secrets of all kinds that do not belong to the operator', () => {
  const world = useWorld();

  test('are byte for byte the same after fifty new logins, each of which is written into the one that does', async () => {
    await world.startOperator();
    const served = await world.api.createNamespace();
    const { metadata } = await createClusterPullSecret(world.api, 'owner', { namespaces: [served] });
    const somebody = (await world.api.get('/api/v1/namespaces/default')).body.metadata.uid;
    const ownerOf = (owner: string, controller: boolean): object =>
      owner === OBJECT
        ? {
            apiVersion: 'aws.zakariaamine.com/v1alpha2',
            kind: CLUSTER_KIND,
            name: 'owner',
            uid: metadata.uid,
            controller,
          }
        : { apiVersion: 'v1', kind: 'Namespace', name: 'default', uid: somebody, controller };
    const before = await Promise.all(
      sample(foreign, SECRETS).map(
        async ({ type, immutable, labels, annotations, owner, controller, data, config }) => {
          const namespace = await world.api.createNamespace();
          const all = labels.map(([name, value]) => [name, value === OBJECT ? metadata.uid : value]);
          return await world.api.must('POST', SECRET_PATH(namespace), {
            metadata: {
              name: 'ecr-login',
              labels: Object.fromEntries(all),
              annotations: Object.fromEntries(annotations),
              ...(owner === undefined ? {} : { ownerReferences: [ownerOf(owner, controller)] }),
            },
            type,
            immutable,
            data: type === DOCKER_CONFIG_TYPE ? { ...data, [DOCKER_CONFIG_KEY]: base64(config) } : data,
          });
        },
      ),
    );
    const places = before.map((secret) => secret.metadata.namespace as string);
    await world.api.merge(CLUSTER_PATH('owner'), { spec: { namespaces: [served, ...places] } });
    await world.status(CLUSTER_PATH('owner'), ({ problems }) => problems?.count === SECRETS);
    const versions = new Set<string>();
    for (let count = 1; count <= RECONCILES; count += 1) {
      const mark = String(count);
      await world.api.merge(CLUSTER_PATH('owner'), { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: mark } } });
      const status = await world.status(CLUSTER_PATH('owner'), (found) => found.lastHandledReconcileAt === mark);
      assert.equal(conditionOf(status, 'Ready')?.reason, 'PartiallyReady');
      versions.add((await world.api.get(SECRET_PATH(served, 'ecr-login'))).body.metadata.resourceVersion);
    }
    assert.equal(versions.size, RECONCILES);
    for (const secret of before) {
      const { body } = await world.api.get(SECRET_PATH(secret.metadata.namespace, 'ecr-login'));
      assert.deepEqual(body, secret);
    }
  });
});
