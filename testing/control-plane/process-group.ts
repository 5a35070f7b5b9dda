// The owner's side of supervisor.ts: starts and stops named processes that never outlive this one.
// It knows nothing of what the processes do.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SupervisorNews, SupervisorRequest } from './supervisor.ts';

/** How a process ended: one of `code` and `signal` is set. */
export interface ProcessEnd {
  /** Whether `terminate` or `end` was called for it. */
  readonly asked: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramStart {
  readonly name: string;
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** A file that both output streams are appended to. */
  readonly log: string;
}

export interface GroupProcess {
  readonly name: string;
  readonly pid: number;
  readonly log: string;
  /** Settles when the process has ended and is gone from the process table; never rejects. */
  readonly ended: Promise<ProcessEnd>;
}

/** Does not keep this process alive by itself: when nothing else is left to do, Node ends, and the group with it. */
export interface ProcessGroup {
  /** The process that watches over the others. */
  readonly supervisorPid: number;
  /** @throws Error when the program cannot be executed, or the group has ended */
  start(program: ProgramStart): Promise<GroupProcess>;
  /** Sends a signal; nothing happens when no such process runs. SIGSTOP and SIGCONT act before this returns. */
  signal(name: string, signal: NodeJS.Signals): void;
  /**
   * Ends one process: SIGTERM, and SIGKILL once `graceMs` have passed (0: SIGKILL at once). Settles when it is gone; at
   * once when no such process runs.
   */
  terminate(name: string, graceMs: number): Promise<void>;
  /** The processes that run now, in the order they were started. */
  running(): readonly GroupProcess[];
  /** Kills all, waits until they are gone, removes the folder. A second call waits for the first. */
  end(): Promise<void>;
}

interface Entry extends GroupProcess {
  asked: boolean;
  readonly settle: (end: Omit<ProcessEnd, 'asked'>) => void;
}

/** @param folder  removed with everything in it when the group ends, however it ends */
export function createProcessGroup(folder: string): ProcessGroup {
  // detached: Ctrl-C in a terminal goes to the owner alone, which then ends the group in order.
  const supervisor = fork(fileURLToPath(new URL('supervisor.ts', import.meta.url)), [folder], {
    detached: true,
    execArgv: [],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const running = new Map<string, Entry>();
  const starting = new Map<string, { readonly log: string; readonly settle: (result: GroupProcess | Error) => void }>();
  const hold = createHold(supervisor);

  supervisor.on('message', (news: SupervisorNews) => {
    if (news.event === 'exited') {
      const entry = running.get(news.name);
      running.delete(news.name);
      entry?.settle({ code: news.code, signal: news.signal });
      return;
    }
    const request = starting.get(news.name);
    if (!request) return;
    starting.delete(news.name);
    if (news.event === 'failed') return request.settle(new Error(`Cannot start ${news.name}: ${news.message}`));
    const { promise, resolve } = Promise.withResolvers<ProcessEnd>();
    const entry: Entry = {
      name: news.name,
      pid: news.pid,
      log: request.log,
      ended: promise,
      asked: false,
      settle: (end) => resolve({ ...end, asked: entry.asked }),
    };
    running.set(news.name, entry);
    request.settle(entry);
  });

  const gone = new Promise<void>((resolve) => {
    supervisor.once('exit', () => {
      // If the supervisor itself was killed, its children are still there: they share its process group.
      if (running.size > 0 && supervisor.pid) signalQuietly(-supervisor.pid, 'SIGKILL');
      for (const entry of running.values()) entry.settle({ code: null, signal: 'SIGKILL' });
      for (const request of starting.values()) request.settle(new Error('The control plane has been stopped.'));
      running.clear();
      starting.clear();
      resolve();
    });
  });
  const send = (request: SupervisorRequest): boolean => supervisor.connected && supervisor.send(request, () => {});

  return {
    supervisorPid: supervisor.pid ?? 0,
    running: () => [...running.values()],
    start: async ({ name, program, args, log }) => {
      const { promise, resolve } = Promise.withResolvers<GroupProcess | Error>();
      if (!supervisor.connected) throw new Error('The control plane has been stopped.');
      starting.set(name, { log, settle: resolve });
      send({ op: 'start', name, program, args, log });
      const result = await hold(promise);
      if (result instanceof Error) throw result;
      return result;
    },
    signal(name, signal) {
      const entry = running.get(name);
      if (entry) signalQuietly(entry.pid, signal);
    },
    terminate: async (name, graceMs) => {
      const entry = running.get(name);
      if (!entry) return;
      entry.asked = true;
      // A paused process handles SIGTERM only after SIGCONT.
      for (const signal of graceMs > 0 ? (['SIGTERM', 'SIGCONT'] as const) : []) signalQuietly(entry.pid, signal);
      const killer = setTimeout(() => signalQuietly(entry.pid, 'SIGKILL'), graceMs);
      await hold(entry.ended);
      clearTimeout(killer);
    },
    end: async () => {
      for (const entry of running.values()) entry.asked = true;
      send({ op: 'end' });
      await hold(gone);
    },
  };
}

/** Keeps Node alive while at least one of the promises handed in is open. */
function createHold(child: ChildProcess): <T>(promise: Promise<T>) => Promise<T> {
  let open = 0;
  child.unref();
  child.channel?.unref();
  return async (promise) => {
    open += 1;
    child.ref();
    child.channel?.ref();
    try {
      return await promise;
    } finally {
      open -= 1;
      if (open === 0) {
        child.unref();
        child.channel?.unref();
      }
    }
  };
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
