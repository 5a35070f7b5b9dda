// A pod that waits for its image, its Secrets and its objects, in as few words as a test of an explanation needs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLUSTER_KIND, DOCKER_CONFIG_TYPE, NAMESPACED_KIND } from '../../src/api/names.ts';
import type { PullSecretStatus } from '../../src/api/schema.ts';
import { explainPull } from '../../src/core/explain.ts';
import type { FoundSecret, NamedSecret, PullFacts } from '../../src/core/pull-facts.ts';
import type { PullSecretObject } from '../../src/core/resource.ts';
import { formatRfc3339, HOUR } from '../../src/lib/time.ts';
import { after, pullSecret, START, spec, UID } from './builders.ts';

export const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
export const REFUSED = `failed to pull: unexpected status from HEAD request to https://${HOST}/v2/api/manifests/1: 403 Forbidden`;
export const ENDED = 'denied: Your authorization token has expired. Reauthenticate and try again.';

export const condition = (type: string, status: 'True' | 'False' | 'Unknown', reason: string) => ({
  type,
  status,
  reason,
  message: `words of ${reason}`,
  lastTransitionTime: formatRfc3339(START),
});
export const LOGIN = {
  registry: 'eu-west-1',
  digest: 'd',
  hosts: [HOST],
  expiresAt: formatRfc3339(after(HOUR)),
  refreshedAt: formatRfc3339(START),
  nextRefreshAt: formatRfc3339(after(HOUR)),
};
export const READY: PullSecretStatus = {
  observedGeneration: 1,
  conditions: [condition('Ready', 'True', 'SecretsUpdated')],
  logins: [LOGIN],
  expiresAt: formatRfc3339(after(HOUR)),
};

export const object = (over: Partial<PullSecretObject> = {}): PullSecretObject => ({
  ...pullSecret(NAMESPACED_KIND, spec()),
  status: READY,
  ...over,
});
/** Of the cluster kind, for what `wanted` says. */
export const cluster = (wanted: object): PullSecretObject => ({
  ...pullSecret(CLUSTER_KIND, spec({ ...wanted })),
  status: READY,
});
export const failing = (...conditions: readonly ReturnType<typeof condition>[]): PullSecretObject =>
  object({ status: { observedGeneration: 1, conditions: [...conditions] } });
export const withProblem = (reason: string): PullSecretObject =>
  object({
    status: { ...READY, problems: { count: 1, items: [{ namespace: 'ns1', reason, message: `words of ${reason}` }] } },
  });

export const secret = (over: Partial<FoundSecret> = {}): NamedSecret => ({
  name: 'ecr-login',
  found: {
    type: DOCKER_CONFIG_TYPE,
    hosts: [HOST],
    endsAt: after(HOUR),
    since: after(0 - HOUR),
    writerUid: UID,
    ...over,
  },
});
export const missing: NamedSecret = { name: 'ecr-login', found: 'missing' };
export const unseen: NamedSecret = { name: 'ecr-login', found: 'unseen' };
export const DOWN = { namespace: 'ops', name: 'operator', ready: 0 };

interface Over extends Partial<Omit<PullFacts, 'waiting'>> {
  readonly message?: string;
  readonly image?: string;
  readonly reason?: string;
}

function facts({ message = '', image = `${HOST}/api:1`, reason = 'ImagePullBackOff', ...over }: Over): PullFacts {
  return {
    pod: 'api-0',
    isReplaceable: true,
    waiting: { container: 'api', image, reason, message },
    secrets: [],
    account: { name: 'default', secrets: [] },
    namespace: { name: 'ns1', labels: new Map([['team', 'a']]), hasAllLabels: true, terminating: false },
    areLabelsSeen: true,
    objects: [],
    areClusterObjectsSeen: true,
    operator: { namespace: 'ops', name: 'operator', ready: 1 },
    askedAt: undefined,
    ...over,
  };
}

/** The facts, and the cause, the sentences and the advice that they are to lead to. */
export type ExplainedRow = readonly [over: Over, cause: string, what: RegExp, next: RegExp];

/** One test for each row. */
export function testExplanations(rows: Readonly<Record<string, ExplainedRow>>): void {
  for (const [name, [over, cause, what, next]] of Object.entries(rows)) {
    test(name, () => {
      const said = explainPull(facts(over), START);
      assert.equal(said.cause, cause);
      assert.match(said.what, what);
      assert.match(said.next, next);
    });
  }
}
