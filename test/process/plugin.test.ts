// The built program under the name of the kubectl plugin: what it prints without a cluster, and how it ends.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { PEOPLE_COMMANDS } from '../../src/cli/people.ts';
import { NO_ENVIRONMENT } from '../../testing/operator/operator-process.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { ensureBundle } from './bundle.ts';
import { NOBODY_THERE } from './kubeconfig.ts';

describe('under the name of a kubectl plugin', () => {
  const folder = makeTemporaryFolder('plugin-commands');
  const link = (): string => join(folder, 'kubectl-ecr_secrets');
  before(() => {
    symlinkSync(ensureBundle(), link());
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(NOBODY_THERE));
  });
  const run = (args: readonly string[], input = '') =>
    spawnSync(process.execPath, [link(), ...args], { encoding: 'utf8', input, env: NO_ENVIRONMENT });

  test('the program has the commands for people, and its help says how it was called', () => {
    const { status, stdout } = run(['--help']);
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: kubectl ecr-secrets /);
    // The operator has a `check` of its own under that name.
    for (const command of [...PEOPLE_COMMANDS.map(({ name }) => name), 'check']) {
      assert.match(stdout, new RegExp(`^ {2}${command} `, 'm'));
      const help = run([command, '--help']);
      assert.equal(help.status, 0);
      assert.match(help.stdout, new RegExp(`^Usage: kubectl ecr-secrets ${command} `));
    }
    assert.equal(stdout.match(/^ {2}[a-z]+ \[/gm)?.length, PEOPLE_COMMANDS.length + 2, 'these, check and help');
    assert.ok(!stdout.includes('--metrics-bind-address'));
  });

  test('it offers completions as kubectl asks for them', () => {
    assert.equal(run(['__complete', 'wh']).stdout, 'why\n:4\n');
  });

  test('it checks files and its standard input without any cluster', () => {
    const file = join(folder, 'objects.yaml');
    const object =
      'apiVersion: aws.zakariaamine.com/v1alpha2\nkind: AWSECRImagePullSecret\nmetadata: {name: login}\nspec:\n';
    writeFileSync(
      file,
      `kind: Other\n---\n${object}  awsAccess:\n    region: eu-west-1\n    secretref: {name: keys}\n  secretName: ecr-login\n`,
    );
    const { status, stdout } = run(['lint', file]);
    assert.equal(status, 1);
    assert.equal(
      stdout,
      `${file}:9: error: AWSECRImagePullSecret login spec.awsAccess.secretref is no field here; it is written secretRef\n1 object, 1 error\n`,
    );
    const good = `${object}  awsAccess: {region: eu-west-1, secretRef: {name: keys}}\n  secretName: ecr-login\n`;
    const read = run(['lint', '-'], good);
    assert.deepEqual([read.status, read.stdout], [0, '1 object, 0 errors\n']);
    const json = run(
      ['lint', '-', '-o', 'json'],
      `{"kind":"List","items":[${JSON.stringify({ apiVersion: 'aws.zakariaamine.com/v1' })}]}`,
    );
    assert.equal(JSON.parse(json.stdout).faults[0].field, 'kind');
    for (const [input, words] of [
      ['a: [', /-:\d+: error: is no YAML from here on \([A-Z_]+\)/],
      ['a: &a [1]\nb: *a\n', /0 objects, 0 errors/],
    ] as const)
      assert.match(run(['lint', '-'], input).stdout, words);
    assert.match(run(['lint', join(folder, 'none.yaml')]).stderr, /^error: cannot read .*none\.yaml: ENOENT/);
    assert.match(
      run(['lint', folder]).stderr,
      /^error: cannot read .*: it is a directory: name its files, such as .*\/\*\.yaml$/m,
    );
    assert.equal(run(['lint']).status, 2);
  });

  test('it reads YAML as kubectl does: yes is no text, and keys are merged', () => {
    const head =
      'apiVersion: aws.zakariaamine.com/v1alpha2\nkind: AWSECRImagePullSecret\nmetadata: {name: login}\nspec:\n';
    const merged = `${head}  awsAccess: {<<: {region: eu-west-1}, secretRef: {name: keys}}\n  secretName: login\n  registries: {public: yes}\n`;
    assert.equal(run(['lint', '-'], merged).stdout, '1 object, 0 errors\n');
    const named = merged.replace('secretName: login', 'secretName: on');
    assert.match(run(['lint', '-'], named).stdout, /^-:6: error: .* spec\.secretName is of type boolean/);
  });

  test('it reads a file of very many keys in time', () => {
    const keys = Array.from({ length: 100_000 }, (_, at) => `  k${at}: v`).join('\n');
    assert.equal(run(['lint', '-'], `kind: ConfigMap\ndata:\n${keys}\n`).stdout, '0 objects, 0 errors\n');
  });

  test('it writes a long answer whole, though it ends by 1', () => {
    const bad = { apiVersion: 'aws.zakariaamine.com/v1', kind: 'AWSECRImagePullSecret' };
    const items = Array.from({ length: 2_000 }, () => bad);
    const { status, stdout } = run(['lint', '-', '-o', 'json'], JSON.stringify({ kind: 'List', items }));
    assert.equal(status, 1);
    assert.equal(JSON.parse(stdout).faults.length, 2_000);
    assert.ok(stdout.length > 200_000);
  });

  test('it says of aliases that lead nowhere, or to too much, in which file they are', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n`;
    for (const input of ['a: *b\n', bomb]) {
      const { status, stdout } = run(['lint', '-'], input);
      assert.equal(status, 1);
      assert.match(stdout, /^-:1: error: (?:has an alias without its anchor|is no YAML from here on)/);
    }
  });

  test('it asks the cluster of a kubeconfig, also in a pod of another one', () => {
    const env = { ...NO_ENVIRONMENT, KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '9' };
    const why = (more: NodeJS.ProcessEnv) =>
      spawnSync(process.execPath, [link(), 'why'], { encoding: 'utf8', env: { ...env, ...more } });
    const { stderr } = why({ KUBECONFIG: join(folder, 'kubeconfig') });
    assert.match(stderr, /^error: no connection to the API server: connect ECONNREFUSED 127\.0\.0\.1:1$/m);
    assert.match(why({}).stderr, /cannot read .*\/token: is the service account token mounted/);
  });

  test('it says what is wrong with a context that is not there', () => {
    const { status, stderr } = run(['why', '--kubeconfig', join(folder, 'kubeconfig'), '--context', 'none']);
    assert.equal(status, 1);
    assert.match(stderr, /^error: the kubeconfig .* has no context "none"; it has "/);
  });
});
