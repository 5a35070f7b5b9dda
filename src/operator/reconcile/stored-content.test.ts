// Covers what is renewed when an object wants too much: the content of its Secret, whatever forged Secrets claim.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { login, pullSecret, START, seenSecret, spec } from '../../../testing/rigs/builders.ts';
import { useViewRig } from '../../../testing/rigs/view-rig.ts';
import { objectKey } from '../../api/meta.ts';
import { CLUSTER_KIND, INPUTS_ANNOTATION } from '../../api/names.ts';
import { makePayload, type Payload } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { NO_TEMPLATE } from '../../core/secret-template.ts';
import { withLogins } from '../../core/status.ts';
import type { LoginsToWrite } from '../login/object-logins.ts';
import { readStoredContent } from './stored-content.ts';

const OLD = login('eu-west-1');
const NEW = login('eu-west-1', { password: 'the next one' });
const GOOD = makePayload([OLD], 'sha256:1', NO_TEMPLATE, START) as Payload;
const EMPTY = Buffer.from('{"auths":{}}').toString('base64');
const LOGINS: LoginsToWrite = {
  held: [NEW],
  widened: [NEW],
  failures: [],
  renewalStarts: new Map(),
  pending: [],
  fresh: new Set(),
  inputs: 'sha256:2',
};

// Rule 9
describe('the present content of a secret, beside secrets that a user forges,', () => {
  const rig = useViewRig();

  beforeEach(() => {
    rig.server.script((exchange) => {
      const [, namespace = '', name = ''] = /namespaces\/(.*)\/secrets\/(.*)$/.exec(exchange.path) ?? [];
      const isForged = rig.view.secrets.get(objectKey(namespace, name))?.inputs === 'forged';
      exchange.answer(200, {
        metadata: { name, namespace, annotations: { [INPUTS_ANNOTATION]: isForged ? 'forged' : 'sha256:1' } },
        data: { '.dockerconfigjson': isForged ? EMPTY : GOOD.content },
      });
    });
  });

  const seen = (namespace: string, name: string, inputs: string): void =>
    rig.stores.secrets.apply(objectKey(namespace, name), seenSecret(namespace, GOOD, { name, inputs }), '1');
  const read = async (wanted: PullSecretObject['spec']): Promise<LoginsToWrite | undefined> => {
    const object = { ...pullSecret(CLUSTER_KIND, wanted), status: withLogins({}, [OLD]) };
    return await readStoredContent(rig.client, rig.view, object, LOGINS, new AbortController().signal);
  };
  /** Any number in one namespace, which comes first in every list. */
  const forge = (): void => {
    for (let index = 0; index < 30; index += 1) seen('a', `a${index}`, 'forged');
  };

  test('is found in a namespace that the object names by one read', async () => {
    forge();
    seen('b', 'ecr-login', 'sha256:1');
    const found = await read(spec({ namespaces: ['b'], namespaceSelector: {} }));
    assert.deepEqual([found?.widened, rig.server.requests.length], [[NEW], 1]);
  });

  test('is found in namespaces that came by selector, and no forged word is spread', async () => {
    forge();
    for (const namespace of ['b', 'c']) seen(namespace, 'ecr-login', 'sha256:1');
    const found = await read(spec({ namespaceSelector: {} }));
    assert.deepEqual([found?.widened, found?.inputs], [[NEW], 'sha256:1']);
    assert.ok(rig.server.requests.length <= 2);
  });

  test('is looked for in twenty secrets at most', async () => {
    forge();
    assert.equal(await read(spec({ namespaces: ['a'] })), undefined);
    assert.equal(rig.server.requests.length, 20);
  });
});
