// What the kernel says of a pod's containers: their processes, and the memory that it charges. For cgroups of version 1
// and of version 2.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';

export interface ChargedMemory {
  /** Bytes that belong to the processes and to no file. */
  readonly anonymous: number;
  /** Bytes in all, files that were read included; it depends on what the machine has read before. */
  readonly usage: number;
  /** How often the kernel killed a process for want of memory. */
  readonly kills: number;
}

function isVersion2(): boolean {
  return existsSync(join(ROOT, 'cgroup.controllers'));
}

/** The cgroups of a pod's containers. @param cgroup  of all pods */
function containersOf(controller: string, cgroup: string, uid: string): readonly string[] {
  const base = join(isVersion2() ? ROOT : join(ROOT, controller), cgroup, 'kubepods');
  const places = ['burstable', 'besteffort', '.'].map((quality) => join(base, quality, `pod${uid}`));
  const pod = places.find((place) => existsSync(place));
  if (pod === undefined) return [];
  return readdirSync(pod, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? join(pod, entry.name) : [],
  );
}

/** Ids of the processes of a pod's containers but the pause container, the first of each first. */
export async function processesOf(cgroup: string, uid: string): Promise<readonly number[]> {
  const all = containersOf('memory', cgroup, uid).flatMap((folder) =>
    readFileSync(join(folder, 'cgroup.procs'), 'utf8').trim().split('\n').filter(Boolean).map(Number),
  );
  return all.filter((pid) => !readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/wait'));
}

/** Of all containers of a pod together. */
export function memoryOf(cgroup: string, uid: string): ChargedMemory {
  const [anonymousName, usageName] = isVersion2() ? ['anon', 'memory.current'] : ['total_rss', 'memory.usage_in_bytes'];
  const sum = { anonymous: 0, usage: 0, kills: 0 };
  for (const folder of containersOf('memory', cgroup, uid)) {
    const stat = fieldsOf(readFileSync(join(folder, 'memory.stat'), 'utf8'));
    const events = fieldsOf(readFileSync(join(folder, isVersion2() ? 'memory.events' : 'memory.oom_control'), 'utf8'));
    sum.anonymous += stat.get(anonymousName) ?? Number.NaN;
    sum.usage += Number(readFileSync(join(folder, usageName), 'utf8'));
    sum.kills += events.get('oom_kill') ?? Number.NaN;
  }
  return sum;
}

/** Lines of `name number`. */
function fieldsOf(text: string): ReadonlyMap<string, number> {
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line): [string, number] => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]),
  );
}
