// The commands of the built program that end by themselves: what they print, and by which code they end.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { makeCrds } from '../../src/api/crd.ts';
import { listen } from '../../src/http/server.ts';
import { BUNDLE, NO_ENVIRONMENT } from '../../testing/operator/operator-process.ts';
import { endNode, startNode } from '../../testing/process/node-process.ts';
import { ensureBundle, runToEnd } from './bundle.ts';
import { NOBODY_THERE } from './kubeconfig.ts';

const CRD_FOLDER = fileURLToPath(new URL('../../charts/kube-ecr-secrets-operator/files/crds', import.meta.url));

let folder = '';
before(() => {
  ensureBundle();
  folder = mkdtempSync(join(tmpdir(), 'commands-'));
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(NOBODY_THERE));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('help', () => {
  for (const args of [['help'], ['--help'], ['-h'], ['run', '--help']]) {
    test(`comes by ${args.join(' ')} and names every flag with its variable`, async () => {
      const { code, stdout, stderr } = await runToEnd(args);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      for (const words of ['run [flags]', '--metrics-bind-address', 'ECR_OPERATOR_LOG_LEVEL', 'Exit codes'])
        assert.ok(stdout.includes(words), words);
    });
  }
});

describe('version', () => {
  test('is that of package.json', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    for (const command of ['version', '--version']) {
      const { code, stdout } = await runToEnd([command]);
      assert.equal(code, 0);
      assert.match(stdout, /^kube-ecr-secrets-operator \S+ \(node 24\.\S+\)\n$/);
      assert.equal(stdout.split(' ')[1], version);
    }
  });
});

test('an older Node is told which one is needed, before anything of the program runs', () => {
  const older = join(folder, 'older.cjs');
  writeFileSync(
    older,
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.9.0' } });",
  );
  const { status, stderr } = spawnSync(process.execPath, ['--require', older, BUNDLE, 'version'], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /^kube-ecr-secrets-operator needs Node\.js 24 or newer; this is v\S+\n$/);
});

/** The loader of kubeconfigs is a part of its own in the built file, with its own copy of what it shares. */
describe('a kubeconfig that cannot be used', () => {
  const exec = (script: string): object => ({
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', script],
      interactiveMode: 'IfAvailable',
    },
  });
  const cluster = (fields: object): object => ({
    clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1', ...fields } }],
  });
  const user = (fields: object): object => ({ users: [{ name: 'a', user: fields }] });
  const rows: Readonly<Record<string, readonly [content: object | string, words: RegExp]>> = {
    'whose plugin fails': [
      user(exec('echo expired >&2; exit 255')),
      /^the plugin sh of the kubeconfig gave no cred.*expired/s,
    ],
    'whose plugin tells what it sent': [
      user(exec(`printf '${'x'.repeat(270)} Bearer hush-1 https://me:hush@h \\033[2J' >&2; exit 1`)),
      /x{270} Bearer \[redacted\] https:/,
    ],
    'whose plugin prints no credentials': [user(exec('echo none')), /^the plugin sh of the kubeconfig gave no cred/],
    'whose plugin is not there': [
      user({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: '/no/such/plugin' } }),
      /^the plugin \/no\/such\/plugin of the kubeconfig gave no credentials/,
    ],
    'that impersonates': [user({ token: 'none', as: 'somebody' }), /^the kubeconfig .*: user a has "as"/],
    'whose token is in a file': [user({ tokenFile: '/token' }), /^the kubeconfig .*: user a has "tokenFile"/],
    'with a proxy': [
      cluster({ 'proxy-url': 'http://me:hush@127.0.0.1:3128' }),
      /^the kubeconfig .*: cluster a has "proxy-url"/,
    ],
    'over plain HTTP': [cluster({ server: 'http://127.0.0.1:8001' }), /^the kubeconfig .* has to begin with https:/],
    'with a user in its URL': [
      cluster({ server: 'https://me:hush@127.0.0.1:1' }),
      /^the kubeconfig .*: it holds a user/,
    ],
    'without a context': [
      { 'current-context': 'other' },
      /^the kubeconfig .* has no context "other", which is its curr/,
    ],
    'whose context names another cluster': [
      { clusters: [] },
      /^the kubeconfig .* has no cluster "a", or only a part of it; context "a" names it$/m,
    ],
    'whose context names another user': [{ users: [] }, /^the kubeconfig .* has no user "a", or only a part of it/],
    'whose authority is not there': [
      cluster({ 'certificate-authority': '/no/such/file' }),
      /^the kubeconfig gave no credentials .*ENOENT.* '\/no\/such\/file'$/m,
    ],
    'that is no YAML': ['{ hush', /^cannot read the kubeconfig .*: it is not there, empty, or no YAML$/m],
    'whose server is not there': [
      {},
      /^no connection to the API server \(API server https:\/\/127\.0\.0\.1:1\): connect ECONNREFUSED 127\.0\.0\.1:1$/m,
    ],
  };
  for (const [what, [content, words]] of Object.entries(rows)) {
    test(`${what} makes check say so in the words of its own part`, async () => {
      const file = join(folder, 'other');
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify({ ...NOBODY_THERE, ...content }));
      const { code, stdout } = await runToEnd(['check', '--kubeconfig', file]);
      assert.equal(code, 1);
      assert.match(stdout.replace(/^✖ /, ''), words);
      assert.doesNotMatch(stdout, /hush|unexpected/);
    });
  }
});

describe('crds', () => {
  test('are printed as YAML that equals the files of the chart', async () => {
    const { code, stdout, stderr } = await runToEnd(['crds', '--legacy']);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    const printed = parseAllDocuments(stdout).map((document) => document.toJS());
    assert.deepEqual(printed, makeCrds());
    const files = readdirSync(CRD_FOLDER).map((file) => readFileSync(join(CRD_FOLDER, file), 'utf8'));
    assert.equal(files.length, printed.length);
    for (const text of files) assert.ok(stdout.includes(text.slice(text.indexOf('\n') + 1)));
  });

  for (const args of [
    ['crds', '--format', 'json'],
    ['crds', '--format=json'],
  ]) {
    test(`are printed as one JSON list by ${args.join(' ')}`, async () => {
      const { code, stdout } = await runToEnd(args);
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(stdout), { apiVersion: 'v1', kind: 'List', items: makeCrds().slice(0, 2) });
    });
  }

  test('are without the deprecated one, unless it is asked for', async () => {
    const kinds = async (...args: readonly string[]): Promise<readonly string[]> => {
      const { stdout } = await runToEnd(['crds', ...args]);
      return [...stdout.matchAll(/^ {4}kind: (\w+)$/gm)].map(([, kind = '']) => kind);
    };
    assert.deepEqual(await kinds(), ['AWSECRImagePullSecret', 'ClusterAWSECRImagePullSecret']);
    assert.deepEqual(await kinds('--legacy'), [...(await kinds()), 'AWSECRCredential']);
  });

  for (const args of [
    ['crds', '--format', 'xml'],
    ['crds', '--format'],
    ['crds', '--output', 'json'],
    ['crds', '--format', 'json', 'more'],
    ['crds', '--legacy=no'],
  ]) {
    test(`refuse ${args.slice(1).join(' ')} by code 2 and print nothing`, async () => {
      const { code, stdout, stderr } = await runToEnd(args);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
      assert.match(stderr, /crds takes --format yaml or --format json, and --legacy/);
    });
  }
});

describe('a wrong command', () => {
  for (const [args, words] of [
    [[], /no command/],
    [['runn'], /"runn" is no command/],
    [['--kubeconfig', 'x', 'run'], /"--kubeconfig" is no command/],
  ] as const) {
    test(`(${args.join(' ')}) ends by code 2`, async () => {
      const { code, stdout, stderr } = await runToEnd(args);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
      assert.match(stderr, words);
    });
  }
});

describe('a wrong configuration of run', () => {
  const mistakesOf = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<readonly string[]> => {
    const { code, stdout, stderr } = await runToEnd(['run', ...args], env);
    assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    return stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.replace('kube-ecr-secrets-operator run: ', ''))
      .sort();
  };

  test('is reported with all of its mistakes at once', async () => {
    const address = 'is not an address; give HOST:PORT, :PORT, or 0 for none';
    const mistakes = await mistakesOf(
      [
        '--metrics-bind-address',
        'here',
        '--namespace=Bad_Name',
        '--nonsense',
        'more',
        '--per-object-metrics=10001',
        '--log-format',
      ],
      { ECR_OPERATOR_LOG_LEVEL: 'loud', ECR_OPERATOR_HEALTH_PROBE_BIND_ADDRESS: '127.0.0.1:99999' },
    );
    assert.deepEqual(mistakes, [
      '"more" is no flag',
      '--log-format needs a value: json|text',
      `--metrics-bind-address: "here" ${address}`,
      '--namespace: "Bad_Name" is not a name a namespace can have',
      '--nonsense is not a flag of run (see kube-ecr-secrets-operator help)',
      '--per-object-metrics: "10001" is not a whole number from 0 to 10000',
      `ECR_OPERATOR_HEALTH_PROBE_BIND_ADDRESS: "127.0.0.1:99999" ${address}`,
      'ECR_OPERATOR_LOG_LEVEL: "loud" is not one of debug, info, warn, error',
    ]);
  });

  test('by a variable does not count where a flag is given', async () => {
    const env = { ECR_OPERATOR_LOG_LEVEL: 'loud', ECR_OPERATOR_LOG_FORMAT: 'xml' };
    assert.deepEqual(await mistakesOf(['--log-level', 'debug'], env), [
      'ECR_OPERATOR_LOG_FORMAT: "xml" is not one of json, text',
    ]);
  });

  test('has one port for both servers', async () => {
    const same = ['--metrics-bind-address', ':9000', '--health-probe-bind-address', ':9000'];
    assert.deepEqual(await mistakesOf(same), [
      '--metrics-bind-address and --health-probe-bind-address are the same: :9000',
    ]);
  });

  test('of the webhook says what is missing and what does not go together', async () => {
    assert.deepEqual(
      await mistakesOf(['--webhook-dns-names=a.b.svc,b c,10.0.0.1'], { ECR_OPERATOR_WEBHOOK_MISSING_NAMESPACES: 'x' }),
      [
        '--webhook-dns-names needs --webhook-configuration-name: which configuration is to trust the webhook?',
        '--webhook-dns-names: "b c" is neither a host name nor an IP address',
        'ECR_OPERATOR_WEBHOOK_MISSING_NAMESPACES: "x" is not one of deny, warn',
      ],
    );
    assert.deepEqual(await mistakesOf(['--webhook-configuration-name=Bad_Name']), [
      '--webhook-configuration-name needs --webhook-dns-names: by which names does the API server call the webhook?',
      '--webhook-configuration-name: "Bad_Name" is not a name such an object can have',
    ]);
    assert.deepEqual(await mistakesOf(['--webhook-certificate-folder=/tls', '--webhook-dns-names=a.b.svc']), [
      '--webhook-dns-names does not go with --webhook-certificate-folder: whoever makes that certificate knows its names and keeps caBundle',
    ]);
    const same = ['--webhook-bind-address=:8080', '--webhook-certificate-folder=/tls'];
    assert.deepEqual(await mistakesOf(same), ['--metrics-bind-address and --webhook-bind-address are the same: :8080']);
  });
});

describe('a start that fails', () => {
  test('names the address that is taken, and ends by code 1', async (t) => {
    const taken = createServer();
    t.after(() => taken.close());
    const port = await listen(taken, { host: '127.0.0.1', port: 0 });
    for (const flag of ['--metrics-bind-address', '--health-probe-bind-address']) {
      const other = flag.startsWith('--m') ? '--health-probe-bind-address' : '--metrics-bind-address';
      const where = [flag, `127.0.0.1:${port}`, other, '127.0.0.1:0'];
      const { code, stdout } = await runToEnd(['run', '--kubeconfig', join(folder, 'kubeconfig'), ...where]);
      assert.equal(code, 1);
      const { msg, reason } = JSON.parse(stdout.trim());
      assert.deepEqual(
        { msg, reason },
        { msg: 'Could not start', reason: `cannot listen on 127.0.0.1:${port}: something else listens there` },
      );
    }
  });

  test('does not come from a user without a home folder', async (t) => {
    // A user that no list of users has, but may read our files.
    const within = ['unshare', '--user', '--map-user=54321'];
    if (spawnSync('unshare', ['--user', '--map-user=54321', 'true']).status !== 0) return t.skip('needs unshare');
    const where = ['--metrics-bind-address', '127.0.0.1:0', '--health-probe-bind-address', '127.0.0.1:0'];
    const args = [ensureBundle(), 'run', '--kubeconfig', join(folder, 'kubeconfig'), ...where];
    const nobody = startNode(args, { ...NO_ENVIRONMENT, HOME: undefined }, within);
    t.after(() => endNode(nobody, 'SIGKILL'));
    let output = '';
    for await (const text of nobody.stdout ?? []) {
      output += text;
      if (output.includes('\n')) break;
    }
    assert.match(output, /"msg":"Started"/);
  });

  test('names the kubeconfig that does not exist, given by a flag or by its variable, and ends by code 1', async () => {
    const file = join(folder, 'absent');
    const byFlag = await runToEnd(['run', '--kubeconfig', file]);
    const byVariable = await runToEnd(['run'], { KUBECONFIG: file });
    for (const { code, stdout } of [byFlag, byVariable]) {
      assert.equal(code, 1);
      assert.equal(JSON.parse(stdout.trim()).reason, `cannot read the kubeconfig ${file}`);
    }
  });

  test('says that a kubeconfig has no cluster, and ends by code 1', async () => {
    writeFileSync(join(folder, 'empty'), JSON.stringify({ apiVersion: 'v1', kind: 'Config' }));
    const { code, stdout } = await runToEnd(['run', '--kubeconfig', join(folder, 'empty')]);
    assert.equal(code, 1);
    assert.match(JSON.parse(stdout.trim()).reason, /has no contexts and no clusters: is it one\?$/);
  });
});
