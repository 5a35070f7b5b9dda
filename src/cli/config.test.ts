// Covers the reading of flags and variables: their defaults and their precedence.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Config, parseRunConfig } from './config.ts';
import { RUN_FLAGS } from './run-flags.ts';

function read(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Config {
  const parsed = parseRunConfig(args, env);
  return parsed.ok ? parsed.config : assert.fail(parsed.mistakes.join('\n'));
}

describe('the configuration of run', () => {
  // Rule 12
  test('is this when nothing is given', () => {
    assert.deepEqual(read(), {
      renewalsPerSecond: 50,
      metricsAddress: { host: '', port: 8_080 },
      probeAddress: { host: '', port: 8_081 },
      kubeconfig: undefined,
      namespace: undefined,
      serviceAccountFolder: '/var/run/secrets/kubernetes.io/serviceaccount',
      convertsLegacy: true,
      attaches: false,
      ambientCredentials: 'cluster',
      logLevel: 'info',
      logFormat: 'json',
      perObjectMetrics: 1_000,
      objectsPerNamespace: 500,
      scope: undefined,
      webhook: undefined,
      election: undefined,
    });
  });

  test('takes a variable, before it a flag, and an empty variable for none', () => {
    const variable = { ECR_OPERATOR_RENEWALS_PER_SECOND: '7', ECR_OPERATOR_AMBIENT_CREDENTIALS: '' };
    const { renewalsPerSecond, ambientCredentials } = read([], variable);
    assert.deepEqual([renewalsPerSecond, ambientCredentials], [7, 'cluster']);
    assert.equal(read(['--renewals-per-second', '8'], variable).renewalsPerSecond, 8);
  });

  test('reports all mistakes together, each by the name under which it was given', () => {
    const parsed = parseRunConfig(['--renewals-per-second=0', '--colour'], {
      ECR_OPERATOR_AMBIENT_CREDENTIALS: 'everybody',
    });
    assert.ok(!parsed.ok);
    assert.deepEqual(parsed.mistakes, [
      '--colour is not a flag of run (see kube-ecr-secrets-operator help)',
      '--renewals-per-second: "0" is not a whole number from 1 to 99999',
      'ECR_OPERATOR_AMBIENT_CREDENTIALS: "everybody" is not one of cluster, none',
    ]);
  });

  test('takes names of namespaces with blanks around them, sorted, each once', () => {
    assert.deepEqual(read(['--namespaces', 'till, shop,,shop']).scope, ['shop', 'till']);
    assert.deepEqual(read([], { ECR_OPERATOR_NAMESPACES: 'shop' }).scope, ['shop']);
  });

  for (const [what, args, words] of [
    [
      'a name that no namespace can have',
      ['--namespaces=shop,a/b'],
      '--namespaces: "a/b" is not a name a namespace can have',
    ],
    ['no name', ['--namespaces=,'], '--namespaces: "," names no namespace'],
    [
      'more than fifty',
      [`--namespaces=${Array.from({ length: 51 }, (_, at) => `n${at}`).join(',')}`],
      '--namespaces: 51 namespaces are more than 50; leave it out to work in all',
    ],
    [
      'a webhook that would write its configuration',
      [
        '--namespaces=shop',
        '--webhook-bind-address=:9443',
        '--webhook-configuration-name=a',
        '--webhook-dns-names=a.b.svc',
      ],
      "--namespaces: the operator then has no right to write the webhook's configuration; give it a certificate (--webhook-certificate-folder), or turn the webhook off (--webhook-bind-address=0)",
    ],
  ] as const) {
    test(`refuses ${what} where it names namespaces`, () => {
      const parsed = parseRunConfig(args, {});
      assert.deepEqual(parsed.ok ? [] : parsed.mistakes, [words]);
    });
  }

  test('has the times of leader election that are usual in Kubernetes, once it is on', () => {
    const usual = { duration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };
    assert.deepEqual(read(['--leader-elect=true']).election, { lease: 'kube-ecr-secrets-operator', times: usual });
    const quick = ['--leader-elect-lease-duration=1.5s', '--leader-elect-renew-deadline=1s'];
    const { election } = read([...quick, '--leader-elect-retry-period=200ms', '--leader-elect=true']);
    assert.deepEqual(election?.times, { duration: 1_500, renewDeadline: 1_000, retryPeriod: 200 });
    assert.equal(read(quick.concat('--leader-elect-retry-period=200ms')).election, undefined);
  });

  for (const [args, words] of [
    [['duration=15'], '--leader-elect-lease-duration: "15" is not a length of time; write it as 15s, 1.5s or 500ms'],
    [['duration=61s'], '--leader-elect-lease-duration: "61s" is not between 1s and 60s'],
    [
      ['deadline=15s'],
      '--leader-elect-renew-deadline: "15s" is not shorter than --leader-elect-lease-duration ("15s"), and two replicas could lead at once: lower the first or raise the second',
    ],
    [
      ['period=6s'],
      '--leader-elect-retry-period: "6s" is not between 100ms and half of --leader-elect-renew-deadline ("10s")',
    ],
    [
      ['period=0s'],
      '--leader-elect-retry-period: "0s" is not between 100ms and half of --leader-elect-renew-deadline ("10s")',
    ],
    [['name=Not_A_Name'], '--leader-elect-resource-name: "Not_A_Name" is not a name a Lease can have'],
  ] as const) {
    test(`refuses ${args.join()} for leader election, whether it is on or not`, () => {
      const flags = {
        duration: 'lease-duration',
        deadline: 'renew-deadline',
        period: 'retry-period',
        name: 'resource-name',
      };
      const full = args.map((one) =>
        one.replace(/^\w+/, (short) => `--leader-elect-${flags[short as keyof typeof flags]}`),
      );
      const parsed = parseRunConfig(full, {});
      assert.deepEqual(parsed.ok ? [] : parsed.mistakes, [words]);
    });
  }

  test('has a variable of its own for every flag', () => {
    assert.equal(new Set(RUN_FLAGS.map(({ env }) => env)).size, RUN_FLAGS.length);
    assert.equal(new Set(RUN_FLAGS.map(({ name }) => name)).size, RUN_FLAGS.length);
  });
});
