// Writes that do not end, as behind an admission webhook that hangs: no caller waits for them, they go on, and are few.

import { Failure } from '../../lib/errors.ts';
import { type Clock, seconds } from '../../lib/time.ts';
import type { StepAside } from '../../lib/weighted-semaphore.ts';

export interface SlowWrites {
  /**
   * Runs one write, and waits for it at most two seconds from its begin. It then goes on by itself; as long as it does,
   * no other write of this Secret begins, and few of its namespace do. When too many go on already, or others would
   * wait for this one, it is aborted instead.
   *
   * @param write  calls `begin` when it is sent, with the function that moves it to the second set of permits; its
   *               signal aborts when it must end
   * @returns what `write` resolves with: whether it changed the Secret
   * @throws SlowWrite when it takes longer, or did not begin because of others that do; whatever `write` throws
   */
  run(
    namespace: string,
    name: string,
    write: (begin: (stepAside: StepAside) => void, signal: AbortSignal) => Promise<boolean>,
  ): Promise<boolean>;
  /** Resolves when none is going on. */
  ended(): Promise<void>;
}

/** The write may end, or become possible, soon: the caller tries it again. */
export class SlowWrite extends Failure {
  override readonly name = 'SlowWrite';
  /** Whether the write, which goes on, has changed the Secret in the end; it never rejects. */
  readonly landed: Promise<boolean>;

  constructor(namespace: string, landed: Promise<boolean> = Promise.resolve(false)) {
    super({
      next: 'backoff',
      reason: 'SlowWrite',
      message: `a write in namespace ${namespace} takes longer than two seconds, or has not come to its end: does an admission webhook not answer?`,
    });
    this.landed = landed;
  }
}

/** Longer than a write takes on a healthy API server, its wait for a permit included. */
const WRITE_PATIENCE = seconds(2);
/** Slow writes of one namespace. */
const OF_NAMESPACE = 2;
/** Slow writes in all: fewer than the slow requests of the transport, so that others get a permit there too. */
const OF_ALL = 48;

/** @param signal  ends all writes */
export function createSlowWrites(clock: Clock, signal: AbortSignal): SlowWrites {
  /** Names of the Secrets with a slow write, by namespace: one for each write, whatever its name. */
  const under = new Map<string, string[]>();
  const going = new Set<Promise<void>>();
  /** Of all writes under way. Composed signals would cost more than all the rest here. */
  const open = new Set<AbortController>();
  signal.addEventListener('abort', () => {
    for (const given of open) given.abort(signal.reason);
  });

  const keep = (namespace: string, name: string, writing: Promise<unknown>): void => {
    const names = under.get(namespace) ?? [];
    names.push(name);
    under.set(namespace, names);
    const end = (): void => {
      names.splice(names.indexOf(name), 1);
      if (names.length === 0) under.delete(namespace);
      going.delete(ended);
    };
    const ended: Promise<void> = writing.then(end, end);
    going.add(ended);
  };

  return {
    async ended() {
      await Promise.all(going);
    },
    async run(namespace, name, write) {
      const names = under.get(namespace);
      if (names && (names.includes(name) || names.length >= OF_NAMESPACE)) throw new SlowWrite(namespace);
      const given = new AbortController();
      open.add(given);
      if (signal.aborted) given.abort(signal.reason);
      let cancel = (): void => {};
      const late = Promise.withResolvers<never>();
      const begin = (stepAside: StepAside): void => {
        cancel = clock.after(WRITE_PATIENCE, () => {
          const beside = under.get(namespace) ?? [];
          // Another write of this Secret may have begun meanwhile, for another object.
          const mayGoOn = (names: readonly string[]): boolean => names.length < OF_NAMESPACE && !names.includes(name);
          if (going.size < OF_ALL && mayGoOn(beside) && stepAside()) keep(namespace, name, writing);
          else given.abort();
          late.reject(
            new SlowWrite(
              namespace,
              writing.catch(() => false),
            ),
          );
        });
      };
      const writing = write(begin, given.signal).finally(() => open.delete(given));
      return await Promise.race([writing, late.promise]).finally(() => cancel());
    },
  };
}
