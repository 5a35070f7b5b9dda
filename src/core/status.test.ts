// Covers the truth table of the status: what each situation does to Ready and the other conditions.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { after, findings, login, START } from '../../testing/rigs/builders.ts';
import { REASON } from '../api/names.ts';
import type { Condition, PullSecretStatus } from '../api/schema.ts';
import { sameJson } from '../lib/json.ts';
import { HOUR, MINUTE } from '../lib/time.ts';
import type { Problem } from './desired.ts';
import { type Findings, type LoginFailure, nextStatus, processingStatus } from './status.ts';

const unreachable: LoginFailure = { registry: 'eu-west-1', message: 'cannot reach ECR', needsChange: false };
const denied: LoginFailure = { registry: 'eu-west-1', message: 'AWS denied the login', needsChange: true };
const problem = (namespace: string, named: boolean): Problem => ({
  namespace,
  named,
  reason: REASON.secretConflict,
  message: `secret ecr-login already exists in namespace ${namespace}`,
});

/** The status after a reconciliation without any problem. */
const good = nextStatus({}, findings(['ns1', 'ns2']), START);
const goodMessage = good.conditions?.[0]?.message ?? '';

function condition(status: PullSecretStatus, type: string): Condition | undefined {
  return status.conditions?.find((one) => one.type === type);
}

interface Row {
  readonly previous: PullSecretStatus;
  readonly findings: Findings;
  readonly hours?: number;
  readonly ready: readonly [Condition['status'], string];
  /** Its text, or a part of it. */
  readonly message: string | RegExp;
  readonly beside?: 'Reconciling' | 'Stalled';
}

const rows: Readonly<Record<string, Row>> = {
  'is True when all wanted secrets are good': {
    previous: {},
    findings: findings(['ns1', 'ns2']),
    ready: ['True', 'SecretsUpdated'],
    message:
      'AWS ECR secret with type kubernetes.io/dockerconfigjson have been created/updated successfully in namespaces: ' +
      '[ns1 ns2] next update at: 2023-10-05 02:45:52 +0000 UTC',
  },
  'stays True, unchanged, while AWS is unreachable and the stored token is good': {
    previous: good,
    findings: findings(['ns1', 'ns2'], { failures: [unreachable] }),
    ready: ['True', 'SecretsUpdated'],
    message: goodMessage,
    beside: 'Reconciling',
  },
  'stays True at a new generation while AWS is unreachable and the stored token is good': {
    previous: good,
    findings: findings(['ns1', 'ns2'], { generation: 2, failures: [unreachable] }),
    ready: ['True', 'SecretsUpdated'],
    message: goodMessage,
    beside: 'Reconciling',
  },
  'stays True when AWS denies at the generation of the last success and the token is good': {
    previous: good,
    findings: findings(['ns1', 'ns2'], { failures: [denied] }),
    ready: ['True', 'SecretsUpdated'],
    message: goodMessage,
    beside: 'Stalled',
  },
  'is False when AWS denies at a new generation, and says until when the old login holds': {
    previous: good,
    findings: findings(['ns1', 'ns2'], { generation: 2, failures: [denied] }),
    ready: ['False', 'GetAWSAuthTokenFailed'],
    message: 'login to eu-west-1: AWS denied the login; the old login holds until 2023-10-05T08:45:52Z',
    beside: 'Stalled',
  },
  'is False when AWS denies and there was no success before': {
    previous: {},
    findings: findings([], { logins: [], desired: 1, failures: [denied] }),
    ready: ['False', 'GetAWSAuthTokenFailed'],
    message: 'login to eu-west-1: AWS denied the login',
    beside: 'Stalled',
  },
  'is False when the first login cannot be had because AWS is unreachable': {
    previous: {},
    findings: findings([], { logins: [], desired: 1, failures: [unreachable] }),
    ready: ['False', 'GetAWSAuthTokenFailed'],
    message: 'login to eu-west-1: cannot reach ECR',
    beside: 'Reconciling',
  },
  'is False when one of two registries never gave a login, though the other one fails with a good token': {
    previous: good,
    findings: findings(['ns1'], { failures: [unreachable, { ...denied, registry: 'us-east-1' }] }),
    ready: ['False', 'GetAWSAuthTokenFailed'],
    message: 'login to us-east-1: AWS denied the login; login to eu-west-1: cannot reach ECR',
    beside: 'Stalled',
  },
  'is False when a named namespace fails': {
    previous: good,
    findings: findings(['ns1'], { desired: 2, problems: [problem('ns2', true)] }),
    ready: ['False', 'PartiallyReady'],
    message: '1 of 2 namespaces: ns2: SecretConflict: secret ecr-login already exists in namespace ns2',
  },
  'names only the named namespaces when selected ones fail too': {
    previous: good,
    findings: findings(['ns1'], { desired: 3, problems: [problem('chosen', false), problem('ns2', true)] }),
    ready: ['False', 'PartiallyReady'],
    message: /^1 of 3 namespaces: ns2: /,
  },
  'stays True when a namespace that came by selector fails': {
    previous: good,
    findings: findings(['ns1', 'ns2'], { desired: 3, problems: [problem('ns3', false)] }),
    ready: ['True', 'SecretsUpdated'],
    message: goodMessage,
  },
  'stays True when every namespace came by selector and fails': {
    previous: good,
    findings: findings([], { desired: 2, problems: [problem('ns1', false), problem('ns2', false)] }),
    ready: ['True', 'SecretsUpdated'],
    message: /in namespaces: \[\] next update at: /,
  },
  'is True when nothing is wanted and no login is held': {
    previous: {},
    findings: findings([], { logins: [] }),
    ready: ['True', 'NoNamespaces'],
    message: /^no namespace that exists wants the secret: see spec\.namespaces/,
  },
  'stays True while secrets with a good login cannot be given the newest one': {
    previous: good,
    findings: findings(['ns1', 'ns2'], {
      delayed: [{ ...problem('ns2', true), message: 'no connection to the API server' }],
    }),
    ready: ['True', 'SecretsUpdated'],
    message: goodMessage,
    beside: 'Reconciling',
  },
  'is Unknown while a wanted secret is still to come, whatever else could not be deleted elsewhere': {
    previous: good,
    findings: findings(['ns1'], { desired: 2, pending: 1, problems: [problem('elsewhere', false)] }),
    ready: ['Unknown', 'SecretsProcessing'],
    message: 'creating/updating secrets: 1 of 2 namespaces done',
    beside: 'Reconciling',
  },
  'is False when the spec is refused, and says until when the old login holds': {
    previous: good,
    findings: findings([], { logins: [], refusal: { reason: 'SecretTooLarge', message: 'too many hosts' } }),
    ready: ['False', 'SecretTooLarge'],
    message: 'too many hosts; the old login holds until 2023-10-05T08:45:52Z',
    beside: 'Stalled',
  },
  'is False because of the token when it ended while the spec was refused': {
    previous: good,
    findings: findings([], { logins: [], refusal: { reason: 'SecretTooLarge', message: 'too many hosts' } }),
    hours: 12,
    ready: ['False', 'TokenExpired'],
    message: 'the login ended at 2023-10-05T08:45:52Z; too many hosts',
    beside: 'Stalled',
  },
  'is False when a token has expired': {
    previous: good,
    findings: findings(['ns1', 'ns2']),
    hours: 12,
    ready: ['False', 'TokenExpired'],
    message: 'the login to eu-west-1 ended at 2023-10-05T08:45:52Z',
  },
  'is False when a token has expired, and says why there is no other one': {
    previous: good,
    findings: findings(['ns1', 'ns2'], { failures: [unreachable] }),
    hours: 12,
    ready: ['False', 'TokenExpired'],
    message: 'the login to eu-west-1 ended at 2023-10-05T08:45:52Z; login to eu-west-1: cannot reach ECR',
    beside: 'Reconciling',
  },
  'is Unknown while some secrets are not written yet': {
    previous: {},
    findings: findings(['ns1'], { desired: 3, problems: [problem('ns2', false)] }),
    ready: ['Unknown', 'SecretsProcessing'],
    message: 'creating/updating secrets: 1 of 3 namespaces done',
    beside: 'Reconciling',
  },
  'is False when the spec is refused': {
    previous: {},
    findings: findings([], {
      logins: [],
      refusal: { reason: REASON.invalidSpec, message: 'spec.secretName is wrong' },
    }),
    ready: ['False', 'InvalidSpec'],
    message: 'spec.secretName is wrong',
    beside: 'Stalled',
  },
};

describe('Ready', () => {
  for (const [outcome, row] of Object.entries(rows)) {
    test(outcome, () => {
      const now = after((row.hours ?? 1) * HOUR);
      const next = nextStatus(row.previous, row.findings, now);
      const ready = condition(next, 'Ready');
      assert.deepEqual([ready?.status, ready?.reason], row.ready);
      if (typeof row.message === 'string') assert.equal(ready?.message, row.message);
      else assert.match(ready?.message ?? '', row.message);
      const beside = (next.conditions ?? []).slice(1).map(({ type, status }) => [type, status]);
      assert.deepEqual(beside, row.beside === undefined ? [] : [[row.beside, 'True']]);
      for (const one of next.conditions ?? []) assert.equal(one.observedGeneration, row.findings.generation);
    });

    test(`${outcome}; the same reconciliation again changes nothing`, () => {
      const now = after((row.hours ?? 1) * HOUR);
      const next = nextStatus(row.previous, row.findings, now);
      assert.ok(sameJson(nextStatus(next, row.findings, after((row.hours ?? 1) * HOUR + MINUTE)), next));
    });
  }
});

describe('the status', () => {
  test('reads as in progress while the first login is running, and keeps what it held', () => {
    const next = processingStatus(good, 2, 'ecr-login', START);
    const { status, reason, message } = condition(next, 'Ready') ?? {};
    assert.deepEqual(
      [status, reason, message],
      ['Unknown', 'SecretsProcessing', 'fetching the login for secret ecr-login'],
    );
    assert.equal(condition(next, 'Reconciling')?.reason, 'SecretsProcessing');
    assert.equal(next.observedGeneration, 2);
    assert.deepEqual(next.logins, good.logins);
  });

  test('reports a denied login also when a namespace keeps the object from being Ready', () => {
    const next = nextStatus(
      good,
      findings(['ns1'], { desired: 2, problems: [problem('ns2', true)], failures: [denied] }),
      START,
    );
    assert.equal(condition(next, 'Ready')?.reason, 'PartiallyReady');
    assert.equal(condition(next, 'Stalled')?.reason, 'GetAWSAuthTokenFailed');
    assert.equal(condition(next, 'Stalled')?.message, 'login to eu-west-1: AWS denied the login');
  });

  test('reports the reasons beside a Ready that holds', () => {
    const retried = nextStatus(good, findings(['ns1'], { failures: [unreachable] }), START);
    assert.equal(condition(retried, 'Reconciling')?.reason, 'Retrying');
    assert.equal(
      condition(retried, 'Reconciling')?.message,
      'login to eu-west-1: cannot reach ECR; the operator tries again at least every five minutes',
    );
    const refused = nextStatus(
      good,
      findings(['ns1'], { failures: [unreachable, { ...denied, registry: 'us-east-1' }] }),
      START,
    );
    assert.equal(condition(refused, 'Stalled')?.reason, 'GetAWSAuthTokenFailed');
    const both = 'login to us-east-1: AWS denied the login; login to eu-west-1: cannot reach ECR';
    assert.equal(condition(refused, 'Stalled')?.message, both, 'what waits for a change comes first');
    assert.equal(condition(refused, 'Reconciling'), undefined);
    const late = { ...problem('ns2', true), message: 'no connection to the API server' };
    const delayed = nextStatus(good, findings(['ns1', 'ns2'], { delayed: [late] }), START);
    assert.equal(
      condition(delayed, 'Reconciling')?.message,
      '1 secrets wait for the newest login; ns2: no connection to the API server',
    );
  });

  test('counts a terminating namespace neither as wanted nor as ready', () => {
    assert.deepEqual(nextStatus({}, findings(['ns1'], { desired: 1 }), START).secrets, {
      desired: 1,
      ready: 1,
      summary: '1/1',
    });
  });

  test('shows a failure in a selected namespace as ready below desired, and as a problem', () => {
    const { secrets, problems } = nextStatus(
      good,
      findings(['ns1'], { desired: 2, problems: [problem('ns2', false)] }),
      START,
    );
    assert.deepEqual(secrets, { desired: 2, ready: 1, summary: '1/2' });
    assert.deepEqual(problems, {
      count: 1,
      items: [{ namespace: 'ns2', reason: 'SecretConflict', message: problem('ns2', false).message }],
    });
  });

  test('lists problems of named namespaces first, however many a selector finds', () => {
    const found = Array.from({ length: 200 }, (_, at) => problem(`a${at}`, false));
    const { problems } = nextStatus(
      good,
      findings([], { desired: 201, problems: [...found, problem('z', true)] }),
      START,
    );
    assert.deepEqual([problems?.count, problems?.items[0]?.namespace], [201, 'z']);
  });

  test('sorts problems by namespace, and leaves them out when there are none', () => {
    const several = ['b', 'c', 'a'].map((name) => problem(name, true));
    const { problems } = nextStatus(good, findings([], { desired: 3, problems: several }), START);
    assert.deepEqual(
      problems?.items.map(({ namespace }) => namespace),
      ['a', 'b', 'c'],
    );
    assert.equal('problems' in good, false);
  });

  test('tells of each login which access key gave it, if one did', () => {
    const logins = [login('eu-west-1', { shown: { accessKeyIdSuffix: 'MPLE' } }), login('us-east-1')];
    assert.deepEqual(
      nextStatus({}, findings(['ns1'], { logins }), START).logins?.map(({ accessKeyIdSuffix }) => accessKeyIdSuffix),
      ['MPLE', undefined],
    );
  });

  test('lists logins by registry, with the earliest end, the latest fetch and the earliest renewal', () => {
    const east = login('us-east-1', { expiresAt: after(HOUR), renewAt: after(30 * MINUTE) });
    const next = nextStatus(
      {},
      findings(['ns1'], { logins: [east, login('eu-west-1', { refreshedAt: after(5 * MINUTE) })] }),
      START,
    );
    assert.deepEqual(
      next.logins?.map(({ registry }) => registry),
      ['eu-west-1', 'us-east-1'],
    );
    assert.equal(next.expiresAt, '2023-10-04T21:45:52Z');
    assert.match(condition(next, 'Ready')?.message ?? '', / next update at: 2023-10-04 21:15:52 \+0000 UTC$/);
    assert.equal(next.refreshedAt, '2023-10-04T20:50:52Z');
    assert.deepEqual(next.logins?.[0], {
      registry: 'eu-west-1',
      expiresAt: '2023-10-05T08:45:52Z',
      refreshedAt: '2023-10-04T20:50:52Z',
      nextRefreshAt: '2023-10-05T02:45:52Z',
      digest: login('eu-west-1').digest,
      hosts: ['111122223333.dkr.ecr.eu-west-1.amazonaws.com'],
    });
  });

  test('keeps the logins when the spec is refused: the secrets still hold them', () => {
    const refusal = { reason: REASON.invalidSpec, message: 'no' };
    const next = nextStatus(good, findings([], { logins: [], refusal }), START);
    assert.deepEqual(next.logins, good.logins);
    assert.equal(next.expiresAt, good.expiresAt);
    assert.equal('logins' in nextStatus({}, findings([], { logins: [], refusal }), START), false);
  });

  test('reports the logins that the secrets have by now, though what is wanted is refused', () => {
    const refusal = { reason: REASON.secretTooLarge, message: 'too many hosts' };
    const renewed = login('eu-west-1', { expiresAt: after(18 * HOUR), password: 'new' });
    const next = nextStatus(good, findings(['ns1'], { logins: [renewed], refusal }), after(6 * HOUR));
    assert.equal(next.expiresAt, '2023-10-05T14:45:52Z');
    const [ready] = next.conditions ?? [];
    assert.equal(ready?.reason, 'SecretTooLarge');
    assert.match(ready?.message ?? '', /; the old login holds until 2023-10-05T14:45:52Z$/);
  });

  test('remembers which reconcile-at was acted on', () => {
    assert.equal(nextStatus({}, findings([], { handledReconcileAt: 'now' }), START).lastHandledReconcileAt, 'now');
    assert.equal('lastHandledReconcileAt' in good, false);
  });
});
