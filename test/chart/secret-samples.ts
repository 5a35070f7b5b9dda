// Looks at Secrets as a pod that starts would: again and again, whether each is there, is still the same, and holds a
// good login.

import assert from 'node:assert/strict';
import type { TestApi } from '../../testing/api-server/test-api.ts';
import { SECRET_PATH } from '../../testing/operator/world.ts';

export interface SecretSamples {
  /** Changes that were seen. */
  writes(): number;
  /** Whoever writes them before may let a login end. */
  fromNowOnGood(): void;
  /** @throws AssertionError when one was missing, or was another one than at first */
  assertKept(): void;
  /** @throws AssertionError when one held a login that had ended */
  assertGood(): void;
  stop(): void;
}

const LOOK_EVERY_MS = 20;

export async function sampleSecrets(api: TestApi, namespace: string, names: readonly string[]): Promise<SecretSamples> {
  const lost: string[] = [];
  const ended: string[] = [];
  const versions = new Map<string, string>();
  let writes = 0;
  const stopping = new AbortController();
  const uids = new Map<string, string>();
  for (const name of names) uids.set(name, (await api.must('GET', SECRET_PATH(namespace, name))).metadata.uid);

  const look = async (name: string): Promise<void> => {
    const { status, body } = await api.get(SECRET_PATH(namespace, name));
    const now = Date.now();
    if (status !== 200 || body.metadata.uid !== uids.get(name)) return void lost.push(`${name}: ${status}`);
    const { resourceVersion, annotations } = body.metadata;
    if ((versions.get(name) ?? resourceVersion) !== resourceVersion) writes += 1;
    versions.set(name, resourceVersion);
    // Times there are whole seconds, cut.
    if (now >= Date.parse(annotations.expiry) + 1_000) ended.push(`${name}: ${annotations.expiry}`);
  };
  void (async () => {
    while (!stopping.signal.aborted) {
      // The API server may be going away at the end.
      await Promise.all(names.map(look)).catch(() => {});
      await new Promise((resolve) => void setTimeout(resolve, LOOK_EVERY_MS));
    }
  })();

  return {
    writes: () => writes,
    fromNowOnGood: () => void ended.splice(0),
    assertKept: () => assert.deepEqual(lost, []),
    assertGood: () => assert.deepEqual(ended, []),
    stop: () => stopping.abort(),
  };
}
