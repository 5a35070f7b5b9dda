// Covers the outcome of a reconciliation and its Events: each with its reason, once.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applied, clusterPullSecret, findings, pullSecret, START, spec, UID } from '../../../testing/rigs/builders.ts';
import { NAMESPACED_KIND } from '../../api/names.ts';
import type { Problem } from '../../core/desired.ts';
import { type Findings, NO_NAMESPACES, nextStatus } from '../../core/status.ts';
import type { EventNote, Regarding } from '../../kube/events.ts';
import { type DurationMs, HOUR, plus } from '../../lib/time.ts';
import type { Applied } from '../secrets/apply.ts';
import { recordEvents, recordExpiry, recordRemark } from './object-events.ts';

const OBJECT = clusterPullSecret(spec());

interface Told {
  readonly regarding: Regarding;
  readonly event: EventNote;
}

function told(say: (recorder: Parameters<typeof recordEvents>[0]) => void): readonly Told[] {
  const all: Told[] = [];
  say({ record: (regarding, event) => void all.push({ regarding, event }), flush: () => Promise.resolve() });
  return all;
}

/** As `type reason action: note`. */
function linesOf(object: typeof OBJECT, happened: Findings, written?: Partial<Applied>): readonly string[] {
  const whole = written && applied(written);
  return told((recorder) => recordEvents(recorder, object, 'ecr-login', happened, whole)).map(
    ({ event: { type, reason, action, note } }) => `${type} ${reason} ${action}: ${note}`,
  );
}

function problem(namespace: string, reason = 'SecretConflict'): Problem {
  return { namespace, named: false, reason, message: `of ${namespace}` };
}

/** `count` problems in namespaces whose names have one length, so that they are in order. */
function problems(count: number): readonly Problem[] {
  return Array.from({ length: count }, (_, index) => problem(`ns-${String(index).padStart(4, '0')}`));
}

/** The object after a reconciliation with these problems, its status written. */
function after(found: readonly Problem[]): typeof OBJECT {
  return { ...OBJECT, status: nextStatus({}, findings([], { desired: found.length, problems: found }), START) };
}

describe('the Events of a reconciliation in which', () => {
  for (const [what, happened, written, want] of [
    ['nothing was to be done', findings(['ns1']), {}, []],
    [
      'a secret was created',
      findings(['ns1']),
      { created: ['ns1'] },
      ['Normal SecretCreationSuccess Create: secret ecr-login created successfully in namespace ns1'],
    ],
    ['no namespace wanted the secret', findings([]), {}, [`Warning NoNamespaces Select: ${NO_NAMESPACES}`]],
    [
      'secrets were updated and deleted',
      findings(['ns1', 'ns2']),
      { updated: ['ns1', 'ns2'], deleted: ['ns3'] },
      [
        'Normal SecretUpdateSuccess Update: secret ecr-login updated successfully in 2 namespaces: [ns1 ns2]',
        'Normal SecretDeletionSuccess Delete: secret ecr-login deleted successfully in namespace ns3',
      ],
    ],
    [
      'the spec was refused',
      findings([], { refusal: { reason: 'InvalidSpec', message: 'no identity' } }),
      undefined,
      ['Warning InvalidSpec Validate: no identity'],
    ],
    [
      'two registries gave no login',
      findings(['ns1'], {
        failures: [
          { registry: 'eu-west-1', message: 'no answer', needsChange: false },
          { registry: 'public', message: 'access denied', needsChange: true },
        ],
      }),
      {},
      [
        'Warning GetAWSAuthTokenFailed Login: login to eu-west-1: no answer',
        'Warning GetAWSAuthTokenFailed Login: login to public: access denied',
      ],
    ],
    [
      'namespaces failed',
      findings([], { problems: [problem('ns1'), problem('ns2', 'CreateSecretError')] }),
      {},
      ['Warning SecretConflict Write: of ns1', 'Warning CreateSecretError Write: of ns2'],
    ],
  ] as const) {
    test(what, () => {
      assert.deepEqual(linesOf(OBJECT, happened, written), want);
    });
  }

  test('no namespace wanted the secret again are none', () => {
    assert.deepEqual(linesOf(after([]), findings([])), []);
  });

  test('a new problem of a named namespace is told, however many of others the status could not take', () => {
    const [many, named] = [problems(300), { ...problem('zz'), named: true }];
    const before = after(many);
    assert.deepEqual(linesOf(before, findings([], { problems: many })), []);
    assert.deepEqual(linesOf(before, findings([], { problems: [...many, named] })), [
      'Warning SecretConflict Write: of zz',
    ]);
    const told = after([...many, named]);
    assert.deepEqual(linesOf(told, findings([], { problems: [...many, named] })), []);
    const allNamed = many.map((one) => ({ ...one, named: true }));
    assert.deepEqual(linesOf(after(allNamed), findings([], { problems: [...allNamed, problem('aa')] })), []);
  });

  test('a remark was made about the keys', () => {
    const [only, ...more] = told((recorder) => recordRemark(recorder, OBJECT, 'a line feed was cut off'));
    assert.deepEqual(more, []);
    const note = 'a line feed was cut off';
    assert.deepEqual(only?.event, { type: 'Warning', reason: 'CredentialsTrimmed', action: 'Login', note });
  });

  test('a login ended is told once', () => {
    const next = nextStatus({}, findings(['ns1']), plus(START, (12 * HOUR) as DurationMs));
    const notes = (object: typeof OBJECT) => told((recorder) => recordExpiry(recorder, object, next));
    const note = 'the login to eu-west-1 ended at 2023-10-05T08:45:52Z';
    assert.deepEqual(
      notes(OBJECT).map(({ event }) => event),
      [{ type: 'Warning', reason: 'TokenExpired', action: 'Renew', note }],
    );
    assert.deepEqual(notes({ ...OBJECT, status: next }), []);
    assert.deepEqual(
      told((recorder) => recordExpiry(recorder, OBJECT, {})),
      [],
    );
  });

  test('many secrets were written name as many namespaces as their notes can hold', () => {
    const created = problems(1_000).map(({ namespace }) => namespace);
    const [line = ''] = linesOf(OBJECT, findings(created), { created });
    assert.match(line, /in 1000 namespaces: \[ns-0000 ns-0001 .* and 9\d\d more\]$/);
    assert.ok(line.length < 900);
  });
});

test('an Event refers to the object that it is about', () => {
  for (const object of [OBJECT, pullSecret(NAMESPACED_KIND, spec())]) {
    const [only] = told((recorder) => recordRemark(recorder, object, 'note'));
    const { kind, namespace } = object;
    const apiVersion = 'aws.zakariaamine.com/v1alpha2';
    assert.deepEqual(only?.regarding, { apiVersion, kind, namespace, name: 'a', uid: UID });
  }
});

describe('a problem', () => {
  test('that the status has already gets no second Event', () => {
    const again = findings([], { problems: [problem('ns1'), problem('ns2')] });
    assert.deepEqual(linesOf(after([problem('ns1')]), again), ['Warning SecretConflict Write: of ns2']);
  });

  test('that has become another one in the same namespace gets an Event', () => {
    const other = findings([], { problems: [problem('ns1', 'UpdateSecretError')] });
    assert.deepEqual(linesOf(after([problem('ns1')]), other), ['Warning UpdateSecretError Write: of ns1']);
  });

  test('is one of at most ten with an Event in a reconciliation', () => {
    assert.equal(linesOf(OBJECT, findings([], { problems: problems(300) })).length, 10);
  });

  test('that the status could not take gets no Event again and again', () => {
    const many = problems(300);
    assert.deepEqual(linesOf(after(many), findings([], { problems: many })), []);
  });

  test('that is new gets an Event beside those that the status could not take', () => {
    const many = problems(300);
    const one = problem('ns-0007-new');
    assert.deepEqual(linesOf(after(many), findings([], { problems: [...many, one] })), [
      'Warning SecretConflict Write: of ns-0007-new',
    ]);
  });
});
