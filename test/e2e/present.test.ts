// Images that are on the node already: whose Secret opens them, once the login in it is another one (the kubelet's
// records of pulls, KEP-2535, on by default since Kubernetes 1.35).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../testing/api-server/test-api.ts';
import { SECRET_PATH } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret, passwordOf } from '../scenario/manifests.ts';
import { createPod, SKIPPED, untilRunning, useE2e, wordsAbout } from './rig.ts';

const REGION = 'us-east-1';
const LONG_LIFE_MS = 12 * 3_600_000;

describe('an image that is on the node', { skip: SKIPPED }, () => {
  const e2e = useE2e();
  const tag = `kept-${Date.now()}`;
  let namespace = '';
  before(async () => {
    await e2e().install();
    e2e().aws.setTokenLife(20_000);
    namespace = await e2e().createNamespace();
    await createPullSecret(e2e().api, namespace, 'login', { awsAccess: { ...ACCESS, region: REGION } });
    await password();
    assert.ok((await run('first')) > 0);
  });
  after(() => e2e().aws.setTokenLife(LONG_LIFE_MS));

  const password = (): Promise<string> =>
    eventually(async () => {
      const { status, body } = await e2e().api.get(SECRET_PATH(namespace, 'ecr-login'));
      return status === 200 ? passwordOf(body) : undefined;
    });
  const secret = async (): Promise<{ readonly uid: string }> =>
    (await e2e().api.must('GET', SECRET_PATH(namespace, 'ecr-login'))).metadata;
  const untilRenewed = async (): Promise<void> => {
    const before = await password();
    await eventually(async () => ((await password()) === before ? undefined : true), 30_000);
    // The kubelet has seen it.
    await pause(500);
  };
  /** @returns how often the registry was asked */
  const run = async (name: string): Promise<number> => {
    const before = e2e().registry.calls.length;
    await createPod(e2e(), namespace, { name, tag, region: REGION, pullPolicy: 'IfNotPresent' });
    await untilRunning(e2e(), namespace, name);
    return e2e().registry.calls.length - before;
  };

  test('runs without a question to the registry when the login in the same Secret was renewed', async () => {
    await untilRenewed();
    assert.equal(await run('renewed'), 0);
  });

  test('runs so too when the Secret was deleted and is back', async () => {
    // The last login of all, so that the one that comes back is the one that went.
    e2e().aws.setTokenLife(LONG_LIFE_MS);
    await untilRenewed();
    assert.equal(await run('settled'), 0);
    const before = await password();
    const { uid } = await secret();
    await e2e().api.must('DELETE', SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(await password(), before);
    assert.notEqual((await secret()).uid, uid);
    assert.equal(await run('restored'), 0);
  });

  test('is refused to a namespace without the Secret', async () => {
    const other = await e2e().createNamespace();
    await createPod(e2e(), other, { name: 'stranger', tag, region: REGION, pullPolicy: 'IfNotPresent' });
    const words = await eventually(async () => {
      const found = await wordsAbout(e2e(), other, 'stranger');
      return found.find((one) => one.includes('no basic auth credentials') || one.includes('ErrImageNeverPull'));
    });
    assert.match(words, /no basic auth credentials/);
  });
});
