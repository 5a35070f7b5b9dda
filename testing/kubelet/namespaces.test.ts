// Covers what a node leaves on the machine: nothing, when it ends and when it is killed.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventually } from '../api-server/test-api.ts';
import { refusal, runInNamespaces } from './namespaces.ts';
import { cgroupOf, makeState, removeCgroups, removeRemains } from './remains.ts';

const SYSCTLS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
  'net/ipv4/ip_forward',
  'kernel/hostname',
];
/** No process has this id: the largest is 4,194,304. */
const NOBODY = 2 ** 22 + 1;
const skip = (await refusal()) ?? false;

/** Everything of the machine that a node could change. */
function machine(): object {
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    interfaces: execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }),
    sysctls: SYSCTLS.map((name) => readFileSync(`/proc/sys/${name}`, 'utf8')),
    hosts: readFileSync('/etc/hosts', 'utf8'),
  };
}

const states: string[] = [];
after(() => {
  for (const state of states) rmSync(state, { recursive: true, force: true });
});

/** A node without its programs: what there is of it is up, and it waits. */
async function start(
  cgroup: string,
  owner?: number,
): Promise<{ readonly child: ChildProcess; readonly state: string }> {
  const state = makeState(owner);
  states.push(state);
  const options = { state, cgroup, address: '10.77.0.1', registries: ['registry.example'], env: process.env };
  const script = `ip addr show node0 > ${state}/up; until [ -e ${state}/down ]; do sleep 0.1; done`;
  const command = ['sh', '-c', script];
  const child = runInNamespaces(command, options);
  await eventually(() =>
    existsSync(join(state, 'up')) && readFileSync(join(state, 'up'), 'utf8') !== '' ? true : undefined,
  );
  return { child, state };
}

function cgroupsNamed(name: string): readonly string[] {
  const folders = ['', ...readdirSync('/sys/fs/cgroup')].map((hierarchy) => join('/sys/fs/cgroup', hierarchy, name));
  return folders.filter((folder) => existsSync(folder));
}

for (const end of ['is killed', 'ends by itself'] as const) {
  test(`a node that ${end} leaves nothing of the machine changed, and no process`, { skip }, async () => {
    const before = machine();
    const cgroup = cgroupOf(process.pid);
    const { child, state } = await start(cgroup);
    assert.match(readFileSync(join(state, 'up'), 'utf8'), /10\.77\.0\.1\/24/);
    assert.deepEqual(machine(), before, 'while it runs');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // unshare ignores SIGTERM while it waits.
    if (end === 'is killed') child.kill('SIGKILL');
    else writeFileSync(join(state, 'down'), '');
    await ended;
    await removeCgroups(cgroup);
    assert.deepEqual(machine(), before);
    assert.deepEqual(cgroupsNamed(cgroup), []);
    await eventually(() => {
      const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => line.includes(state));
      return left.length === 0 ? true : undefined;
    });
  });
}

test('the folder and the cgroups of a run that was killed are removed by the next one', { skip }, async () => {
  const cgroup = cgroupOf(NOBODY);
  const { child, state } = await start(cgroup, NOBODY);
  const { state: another } = { state: makeState() };
  states.push(another);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  assert.ok(cgroupsNamed(cgroup).length > 0);
  await eventually(() => {
    removeRemains();
    return cgroupsNamed(cgroup).length === 0 ? true : undefined;
  });
  assert.equal(existsSync(state), false);
  assert.equal(existsSync(another), true, 'that of a run that goes on stays');
});

test('a machine where one step of a node fails is told which, and what helps', { skip }, () => {
  const state = makeState();
  states.push(state);
  // No overlay takes another one as its upper folder.
  const script = `
    mkdir ${state}/tmpfs ${state}/on && mount -t tmpfs tmpfs ${state}/tmpfs && cd ${state}/tmpfs && mkdir l u w
    mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w ${state}/on
    TMPDIR=${state}/on exec ${process.execPath} --input-type=module -e '
      const { refusal } = await import("${import.meta.resolve('./namespaces.ts')}");
      console.log(process.pid, await refusal());
    '`;
  const words = execFileSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8' });
  assert.match(words, /namespaces and cgroups of its own.*: nothing can be laid over \/etc from .*; set TMPDIR to/);
  assert.deepEqual(cgroupsNamed(cgroupOf(Number.parseInt(words, 10))), []);
});
