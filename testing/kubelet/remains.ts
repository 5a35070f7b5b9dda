// What runs of a node leave behind when they are killed: a folder, and empty cgroups of their pods. Everything else
// ends with its namespaces.

import { existsSync, mkdtempSync, readdirSync, realpathSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '../control-plane/build-lock.ts';

/** Beginning of the names of folders and cgroups; the process id of the owner is next. */
const NAME = 'ecr-e2e-';
const CGROUPS = '/sys/fs/cgroup';

/** A new folder for one run of this process. */
export function makeState(owner: number = process.pid): string {
  return mkdtempSync(join(realpathSync(tmpdir()), `${NAME}${owner}-`));
}

/** The name of the cgroup of all pods of a run. */
export function cgroupOf(owner: number): string {
  return `${NAME}${owner}`;
}

/** Of runs whose owner is gone. */
export function removeRemains(): void {
  for (const folder of foldersIn(tmpdir())) {
    const owner = new RegExp(`/${NAME}(\\d+)-\\w{6}$`).exec(folder)?.[1];
    // A folder of this name may be another user's.
    if (owner === undefined || isAlive(Number(owner)) || statSync(folder).uid !== process.getuid?.()) continue;
    rmSync(folder, { recursive: true, force: true });
  }
  for (const cgroup of hierarchies().flatMap(foldersIn)) {
    const owner = new RegExp(`/${NAME}(\\d+)$`).exec(cgroup)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) removeCgroup(cgroup);
  }
}

/** Those of this run, once the processes of its pods are reaped: half a second as a rule, five at most. */
export async function removeCgroups(name: string): Promise<void> {
  for (let look = 0; look < 100; look += 1) {
    const left = hierarchies()
      .map((one) => join(one, name))
      .filter((one) => existsSync(one));
    if (left.length === 0) return;
    for (const cgroup of left) removeCgroup(cgroup);
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
}

/** Each hierarchy of version 1, or the one of version 2. */
function hierarchies(): readonly string[] {
  return existsSync(join(CGROUPS, 'cgroup.controllers')) ? [CGROUPS] : foldersIn(CGROUPS);
}

function foldersIn(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}

/** With those inside; one that still has processes stays. */
function removeCgroup(cgroup: string): void {
  for (const inner of foldersIn(cgroup)) removeCgroup(inner);
  try {
    rmdirSync(cgroup);
  } catch {
    // Its processes are not reaped yet.
  }
}
