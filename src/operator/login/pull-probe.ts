// Asks registries whether an object's login may pull, in the background, and keeps what they answered.
//
// Guarantees: no attempt waits here; the operator wakes the objects that wait for an answer. Objects with the same
// login and the same repository share one question. No namespace has all questions in flight, or asks more often than
// its bucket allows. Nothing is kept of a question that no object asks any longer.

import { CONDITION_PULLABLE } from '../../api/names.ts';
import type { Login } from '../../core/login.ts';
import {
  judgeProbe,
  type ProbeAnswer,
  type ProbeQuestion,
  type ProbeTarget,
  probeQuestions,
} from '../../core/probe.ts';
import type { PullSecretObject, Wish } from '../../core/resource.ts';
import type { SideCondition } from '../../core/side-condition.ts';
import { digest } from '../../lib/digest.ts';
import { failureFrom } from '../../lib/errors.ts';
import { type Bounds, createFairSemaphore } from '../../lib/fair-semaphore.ts';
import { createMask } from '../../lib/mask.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, plus, type Random, SECOND } from '../../lib/time.ts';
import { createTokenBucket, type TokenBucket } from '../../lib/token-bucket.ts';
import { createUsers } from '../../lib/users.ts';
import type { RegistryClient } from '../../registry/client.ts';

/** What is known, and when to look again. */
export interface Probed {
  /** None or one. */
  readonly conditions: readonly SideCondition[];
  /** Undefined: at the next answer, or never. */
  readonly nextAt: EpochMs | undefined;
}

export interface PullProbes {
  /**
   * Starts the questions that are due.
   *
   * @param logins  held by the object, without further hosts; ended ones are not asked with
   */
  look(object: PullSecretObject, wish: Wish, logins: readonly Login[]): Probed;
  /** The object is gone. */
  forget(uid: string): void;
}

export interface PullProbesParts {
  readonly registry: RegistryClient;
  readonly clock: Clock;
  readonly random: Random;
  /** Adds the object with this uid to its queue. @returns false: there is no such object */
  readonly wake: (uid: string) => boolean;
  /** Is notified of each answer. */
  readonly onAnswer: (answer: ProbeAnswer) => void;
  /** Ends questions under way. */
  readonly signal: AbortSignal;
}

/** One question: the answer and when it was given, on the monotonic clock; neither before the first one. */
interface Entry {
  answer?: ProbeAnswer;
  answeredAt?: DurationMs;
  isAsking: boolean;
}

/** Questions in flight. Each takes a connection and some 20 KB; one that hangs takes 10 s (registry/client.ts). */
const QUESTIONS: Bounds = { atOnce: 8, perPlace: 4, perGroup: 4 };
/** Questions of one namespace a second, and at once: ECR answers hundreds, of which pulls need theirs. */
const PER_SECOND = 1;
const AT_ONCE = 16;
/** After a start the questions of all objects are spread over this time. */
const LONGEST_START = (10 * MINUTE) as DurationMs;
/** Namespaces whose buckets are kept; a full bucket is as good as none. */
const BUCKETS = 1_000;

export function createPullProbes(parts: PullProbesParts): PullProbes {
  const { clock, random } = parts;
  const entries = new Map<string, Entry>();
  const users = createUsers<string>((key) => void entries.delete(key));
  const asking = createAsking(parts, entries);
  /** By object: when this process asks for the first time, on the monotonic clock. */
  const starts = new Map<string, DurationMs>();

  /**
   * What a status says since before this process began stands for a while: after a start not all objects ask at once.
   */
  const startOf = ({ uid, status, generation }: PullSecretObject, interval: DurationMs): DurationMs => {
    const now = clock.monotonic();
    const before = status.conditions?.find(({ type }) => type === CONDITION_PULLABLE);
    const later = (now + Math.min(interval, LONGEST_START) * random()) as DurationMs;
    const start = before?.observedGeneration === generation ? (starts.get(uid) ?? later) : now;
    starts.set(uid, start);
    return start;
  };

  return {
    look(object, wish, logins) {
      const { uid, namespace, name } = object;
      if (!wish.probe) {
        users.keep(uid, []);
        starts.delete(uid);
        return { conditions: [], nextAt: undefined };
      }
      const { probe } = wish;
      const usable = logins.filter(({ expiresAt }) => expiresAt > clock.now());
      const questions = probeQuestions(probe, usable, wish.extra);
      users.keep(uid, questions.filter(isQuestion).map(keyOf));
      const from = startOf(object, probe.interval);
      const group = namespace ?? `/${name}`;
      const turns = questions.map((question) =>
        isQuestion(question)
          ? asking.turn(question, { uid, group, from, interval: probe.interval })
          : { answer: { op: 'not opened' } as const, nextAt: undefined },
      );
      const instants = turns.flatMap(({ nextAt }) => nextAt ?? []);
      const nextAt = instants.length === 0 ? undefined : (Math.min(...instants) as EpochMs);
      const answers = turns.flatMap(({ answer }) => answer ?? []);
      // Until all have been answered once, the status says what it said.
      if (usable.length === 0 || answers.length < turns.length) return { conditions: standing(object), nextAt };
      return { conditions: [judgeProbe(probe, answers)], nextAt };
    },
    forget(uid) {
      users.keep(uid, []);
      starts.delete(uid);
    },
  };
}

function standing({ status }: PullSecretObject): readonly SideCondition[] {
  return (status.conditions ?? [])
    .filter(({ type }) => type === CONDITION_PULLABLE)
    .map(({ type, status, reason, message }) => ({ type, status, reason, message }));
}

function isQuestion(one: ProbeQuestion | ProbeTarget): one is ProbeQuestion {
  return 'login' in one;
}

function keyOf({ login, host, repository, reference }: ProbeQuestion): string {
  return digest(login.digest, host, repository, reference);
}

/** On whose behalf, and how often. */
interface Terms {
  readonly uid: string;
  readonly group: string;
  /** Not before this instant of the monotonic clock, unless it is answered already. */
  readonly from: DurationMs;
  readonly interval: DurationMs;
}

interface Turn {
  /** Undefined: never answered yet. */
  readonly answer: ProbeAnswer | undefined;
  /** Undefined: the object is woken by the answer, or when it has its turn. */
  readonly nextAt: EpochMs | undefined;
}

function createAsking(parts: PullProbesParts, entries: Map<string, Entry>) {
  const { registry, clock, random, wake, onAnswer, signal } = parts;
  const permits = createFairSemaphore({ clock, bounds: QUESTIONS, wake });
  const bucketOf = createBuckets(clock);
  /** By question in flight: uids of the objects that wait for it. */
  const waiters = new Map<string, Set<string>>();

  const ask = async (question: ProbeQuestion): Promise<ProbeAnswer> => {
    const { username, password } = question.login;
    const mask = createMask([username === 'AWS' ? undefined : username, password]);
    try {
      const { status, code, message } = await registry.ask({ ...question, username, password }, signal);
      return { op: 'answered', words: { status, code: mask(code), message: mask(message) } };
    } catch (thrown) {
      return { op: 'unreachable', message: mask(failureFrom(thrown).message) };
    }
  };

  const begin = (key: string, entry: Entry, question: ProbeQuestion, giveBack: () => void): void => {
    entry.isAsking = true;
    const land = (answer: ProbeAnswer): void => {
      giveBack();
      entry.isAsking = false;
      const landed = waiters.get(key) ?? [];
      waiters.delete(key);
      // The operator's own end is no answer of a registry.
      if (signal.aborted) return;
      entry.answer = answer;
      entry.answeredAt = clock.monotonic();
      onAnswer(answer);
      for (const uid of landed) wake(uid);
    };
    void ask(question).then(land);
  };
  const inSeconds = (): EpochMs => plus(clock.now(), (SECOND * (1 + random())) as DurationMs);

  return {
    turn(question: ProbeQuestion, { uid, group, from, interval }: Terms): Turn {
      const key = keyOf(question);
      const entry = entries.get(key) ?? { isAsking: false };
      entries.set(key, entry);
      const { answer, answeredAt } = entry;
      const dueAt = answeredAt === undefined ? from : ((answeredAt + interval) as DurationMs);
      const wait = dueAt - clock.monotonic();
      if (wait > 0) return { answer, nextAt: plus(clock.now(), wait as DurationMs) };
      if (!entry.isAsking) {
        const permit = permits.tryAcquire(question.host, group);
        if (!permit) {
          permits.wait(question.host, group, uid);
          return { answer, nextAt: undefined };
        }
        if (!bucketOf(group).take()) {
          permit.giveBack();
          return { answer, nextAt: inSeconds() };
        }
        begin(key, entry, question, permit.giveBack);
      }
      waiters.set(key, (waiters.get(key) ?? new Set()).add(uid));
      return { answer, nextAt: undefined };
    },
  };
}

function createBuckets(clock: Clock): (group: string) => TokenBucket {
  const buckets = new Map<string, TokenBucket>();
  return (group) => {
    const mine = buckets.get(group) ?? createTokenBucket(clock, PER_SECOND, AT_ONCE);
    // The least recently used one leaves.
    buckets.delete(group);
    buckets.set(group, mine);
    const [oldest] = buckets.keys();
    if (buckets.size > BUCKETS && oldest !== undefined) buckets.delete(oldest);
    return mine;
  };
}
