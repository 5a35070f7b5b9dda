// Lets one process at a time fill the cache. It saves work, no more: what keeps the cache whole is that
// every process works in a folder of its own and moves finished files in by an atomic rename.

import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Report, runStep } from './progress.ts';

/** How often a waiting process looks again. */
const LOOK_MS = 250;

/** How often the owner shows that it is alive. */
const HEARTBEAT_MS = 5_000;

/** Twelve missed heartbeats, or a lock folder that never got its pid: the owner died, or its pid is reused. */
const STALE_MS = 60_000;

/**
 * Takes the lock, waiting (with progress) for as long as another living process holds it.
 * @param folder  made to take the lock, removed to give it back; its parent exists
 * @returns gives the lock back; does not throw
 */
export async function acquireBuildLock(folder: string, report: Report): Promise<() => void> {
  if (tryLock(folder)) return holdLock(folder);
  await runStep(
    report,
    `waiting for process ${readOwner(folder) ?? '?'}, which prepares the same programs`,
    async () => {
      while (!tryLock(folder)) await sleep(LOOK_MS);
    },
  );
  return holdLock(folder);
}

/** Whether a process with this id exists on this machine. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function tryLock(folder: string): boolean {
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if (isStale(folder)) rmSync(folder, { recursive: true, force: true });
  return false;
}

function holdLock(folder: string): () => void {
  const beat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(folder, now, now);
    } catch {
      // Another process took the lock for stale and removed it; the work goes on in its own folder.
    }
  }, HEARTBEAT_MS);
  beat.unref();
  return () => {
    clearInterval(beat);
    if (readOwner(folder) === process.pid) rmSync(folder, { recursive: true, force: true });
  };
}

function isStale(folder: string): boolean {
  const owner = readOwner(folder);
  if (owner !== undefined && !isAlive(owner)) return true;
  const changedAt = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
  return changedAt !== undefined && Date.now() - changedAt > STALE_MS;
}

function readOwner(folder: string): number | undefined {
  try {
    return Number(readFileSync(join(folder, 'pid'), 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}
