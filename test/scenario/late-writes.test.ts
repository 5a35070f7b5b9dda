// Covers writes that an admission webhook holds up, and that land when the object wants something else.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { recordOf } from '../../src/lib/json.ts';
import { type ForeignWebhook, startForeignWebhook } from '../../testing/api-server/foreign-webhook.ts';
import { type SecretWatch, watchSecrets } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret } from './manifests.ts';

const GIVEN_UP_AFTER_MS = 3_000;

// Rule 10
describe('a write that lands late', () => {
  const world = useWorld();
  const name = `late-${randomBytes(4).toString('hex')}`;
  let webhook: ForeignWebhook;
  let operator: RunningOperator;
  let watch: SecretWatch;
  let hangs = false;
  const answers: (() => void)[] = [];
  const answer = async (): Promise<object> => {
    if (hangs) await new Promise<void>((resolve) => void answers.push(resolve));
    return { allowed: true };
  };
  const release = (): void => {
    hangs = false;
    for (const letGo of answers.splice(0)) letGo();
  };
  /** The operator has given up the write that hangs. */
  const untilGivenUp = async (): Promise<void> => {
    await eventually(() => (answers.length > 0 ? true : undefined));
    await new Promise((resolve) => void setTimeout(resolve, GIVEN_UP_AFTER_MS));
  };
  const untilReady = async (object: string, generation: number): Promise<void> => {
    await world.status(
      CLUSTER_PATH(object),
      (status) => conditionOf(status, 'Ready')?.status === 'True' && status.observedGeneration === generation,
    );
    await operator.idle();
  };

  /** Of the Secret of this name in the namespace whose webhook hangs. */
  const eventsIn = (namespace: string, object: string): readonly string[] =>
    watch.events(object).flatMap((event) => (event.namespace === namespace ? event.type : []));

  before(async () => {
    const { metadata } = await world.api.must('GET', '/api/v1/secrets?limit=1');
    watch = watchSecrets(world.plane, metadata.resourceVersion);
    const kind = 'ValidatingWebhookConfiguration';
    webhook = await startForeignWebhook(world.api, { kind, name, timeoutSeconds: 30, answer });
    operator = await world.startOperator();
  });
  after(async () => {
    release();
    watch.stop();
    await operator.stop();
    await webhook.stop();
  });

  test('makes a secret where none is wanted any longer: it is taken away again', async () => {
    const object = `${name}-new`;
    const [hanging, other] = [await world.api.createNamespace({ [name]: 'yes' }), await world.api.createNamespace()];
    hangs = true;
    await createClusterPullSecret(world.api, object, { namespaces: [hanging], secretName: object });
    await untilGivenUp();
    await world.api.merge(CLUSTER_PATH(object), { spec: { namespaces: [other] } });
    await untilReady(object, 2);
    assert.deepEqual(eventsIn(hanging, object), []);
    release();
    await eventually(() => (eventsIn(hanging, object).length >= 2 ? true : undefined), 15_000);
    assert.deepEqual(eventsIn(hanging, object), ['ADDED', 'DELETED']);
    await world.api.must('DELETE', CLUSTER_PATH(object));
  });

  test('puts former content into a secret: it gets what is wanted now', async () => {
    const object = `${name}-old`;
    const hanging = await world.api.createNamespace({ [name]: 'yes' });
    const hosts = async (): Promise<readonly string[]> => {
      const { data } = await world.api.must('GET', SECRET_PATH(hanging, object));
      const text = Buffer.from(data['.dockerconfigjson'], 'base64').toString();
      return Object.keys(recordOf(recordOf(JSON.parse(text))['auths']));
    };
    await createClusterPullSecret(world.api, object, { namespaces: [hanging], secretName: object });
    await world.ready(CLUSTER_PATH(object));
    const wanted = await hosts();
    hangs = true;
    const regions = ['eu-west-1', 'us-east-1'];
    await world.api.merge(CLUSTER_PATH(object), { spec: { registries: { regions } } });
    await untilGivenUp();
    await world.api.merge(CLUSTER_PATH(object), { spec: { registries: null } });
    await untilReady(object, 3);
    release();
    // The late one, and the one that mends it.
    await eventually(() => (eventsIn(hanging, object).length >= 3 ? true : undefined), 15_000);
    assert.deepEqual(eventsIn(hanging, object), ['ADDED', 'MODIFIED', 'MODIFIED']);
    assert.deepEqual(await hosts(), wanted);
  });
});
