// A reflector of Secrets in front of a scripted server, on a clock that a test moves.

import type { ObjectKey } from '../../src/api/meta.ts';
import { SECRETS } from '../../src/api/meta.ts';
import { createClient } from '../../src/kube/client.ts';
import { createReflector, type Reflector } from '../../src/kube/reflector.ts';
import { createStore, type Store, type Stored } from '../../src/kube/store.ts';
import { createTransport, type Transport } from '../../src/kube/transport.ts';
import { type JsonRecord, recordOf, stringOf } from '../../src/lib/json.ts';
import { createLogger } from '../../src/lib/log.ts';
import type { Clock, DurationMs, EpochMs } from '../../src/lib/time.ts';
import { eventually } from '../api-server/test-api.ts';
import { createManualClock, type ManualClock } from '../clocks/manual-clock.ts';
import { type Exchange, type ScriptedServer, startScriptedServer } from '../network/scripted-server.ts';

export interface ReflectorRig {
  readonly server: ScriptedServer;
  readonly reflector: Reflector;
  readonly store: Store<Stored>;
  readonly clock: ManualClock;
  /** The reflector's transport, for other clients beside it. */
  readonly transport: Transport;
  /** Changes as the store reports them: `+a` was added or changed, `-a` was removed. */
  readonly changes: string[];
  readonly log: () => string;
  /** Answers a list with these objects. */
  list(exchange: Exchange, version: string, objects: readonly JsonRecord[], next?: string): void;
  /** Takes the first list and the watch that follows it. */
  watching(objects?: readonly JsonRecord[]): Promise<Exchange>;
  /** Takes the check whether the server is as new as the store, confirms it, and returns the watch that follows. */
  watchingAgain(): Promise<Exchange>;
  /** Waits until the reflector pauses, lets the pause pass, and returns its length. */
  pause(): Promise<DurationMs>;
  keys(): readonly ObjectKey[];
  stop(): Promise<void>;
}

/** Longer timers are deadlines: no pause is longer, since the rig's random number is a half. */
const LONGEST_PAUSE_MS = 15_000;

export function secret(name: string, version: string): JsonRecord {
  return { metadata: { name, namespace: 'a', uid: `uid-${name}`, resourceVersion: version } };
}

export function event(type: string, name: string, version: string): JsonRecord {
  return { type, object: { kind: 'Secret', apiVersion: 'v1', ...secret(name, version) } };
}

/** A list as Kubernetes writes it, with one further object of `length` characters. */
export function listText(version: string, name: string, length: number, next = ''): string {
  const metadata = `{"resourceVersion":"${version}"${next && `,"continue":"${next}"`}}`;
  const object = `{"metadata":{"name":"${name}","namespace":"a","uid":"u","resourceVersion":"5","x":"${'x'.repeat(length)}"}}`;
  return `{"kind":"SecretList","apiVersion":"v1","metadata":${metadata},"items":[${object}]}`;
}

export interface ReflectorRigOptions {
  /** What every random number is, from 0 to 1; default 0.5. */
  readonly random?: number;
  /** Whether the reflector runs at once; default true. */
  readonly starts?: boolean;
  /** Whether the API server may not know the kind; default false. */
  readonly optional?: 'right' | 'kind';
}

export async function startReflectorRig({
  random = 0.5,
  starts = true,
  optional,
}: ReflectorRigOptions = {}): Promise<ReflectorRig> {
  const server = await startScriptedServer();
  const clock = createManualClock(1_700_000_000_000 as EpochMs);
  const pauses = new Set<DurationMs[]>();
  const recording: Clock = {
    ...clock,
    after(delay, callback) {
      if (delay > LONGEST_PAUSE_MS && delay !== 60_000) return clock.after(delay, callback);
      const pause = [delay];
      pauses.add(pause);
      const cancel = clock.after(delay, callback);
      return () => {
        pauses.delete(pause);
        cancel();
      };
    },
  };
  // On the other clock: its deadlines are no pauses of the reflector.
  const transport = createTransport({ access: server.access(), clock, userAgent: 'test' });
  const changes: string[] = [];
  const store = createStore<Stored>(({ key, after }) => void changes.push(`${after ? '+' : '-'}${key.slice(2)}`));
  const lines: string[] = [];
  const reflector = createReflector({
    client: createClient(transport, 'test'),
    resource: SECRETS,
    labelSelector: 'ours=true',
    ...(optional === undefined ? {} : { optional }),
    store,
    reduce: (raw) => ({ resourceVersion: stringOf(recordOf(raw['metadata'])['resourceVersion']) ?? '' }),
    clock: recording,
    random: () => random,
    log: createLogger({ level: 'debug', format: 'json', write: (line) => void lines.push(line), clock }),
  });
  const stopping = new AbortController();
  const running = starts ? reflector.run(stopping.signal) : undefined;

  const list: ReflectorRig['list'] = (exchange, version, objects, next) =>
    exchange.answer(200, {
      kind: 'SecretList',
      apiVersion: 'v1',
      metadata: { resourceVersion: version, ...(next === undefined ? {} : { continue: next }) },
      items: objects,
    });

  return {
    server,
    reflector,
    store,
    clock,
    transport,
    changes,
    log: () => lines.join(''),
    list,
    async watching(objects = []) {
      list(await server.next(), '10', objects);
      const watch = await server.next();
      watch.begin();
      return watch;
    },
    async watchingAgain() {
      const check = await server.next();
      const { limit, resourceVersion, resourceVersionMatch } = check.query;
      if (limit !== '1' || resourceVersionMatch !== 'NotOlderThan') throw new Error('it does not check');
      list(check, resourceVersion ?? '', []);
      return await server.next();
    },
    async pause() {
      const length = await eventually(() => [...pauses][0]?.[0]);
      await clock.advance(length);
      return length;
    },
    keys: () => [...store.entries()].map(([key]) => key.slice(2)).sort(),
    async stop() {
      stopping.abort();
      await running;
      transport.close();
      await server.stop();
    },
  };
}
