// Questions to registries: shared, paced by namespace, bounded in flight, and kept with their answers.
//
// Guarantees: no caller waits; whoever waits for an answer is woken by it. No namespace has all questions in flight, or
// asks more often than its slots allow. What only says that nobody could be asked is tried again soon, and outweighs a
// real answer only after some tries.

import type { ProbeAnswer, ProbeQuestion } from '../../core/probe.ts';
import { isVerdict } from '../../core/probe.ts';
import { digest } from '../../lib/digest.ts';
import { type Bounds, createFairSemaphore, type Permit } from '../../lib/fair-semaphore.ts';
import { networkWords } from '../../lib/network-words.ts';
import { createRecent } from '../../lib/recent.ts';
import { createSlots } from '../../lib/slots.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, plus, SECOND, seconds } from '../../lib/time.ts';
import { createUsers } from '../../lib/users.ts';
import type { RegistryClient } from '../../registry/client.ts';

export interface PullQuestionsParts {
  readonly registry: RegistryClient;
  readonly clock: Clock;
  /** Adds the object with this uid to its queue. @returns false: there is no such object */
  readonly wake: (uid: string) => boolean;
  /** Is notified of each answer. */
  readonly onAnswer: (answer: ProbeAnswer) => void;
  /** Ends questions under way. */
  readonly signal: AbortSignal;
}

/** On whose behalf, and how often. */
export interface Terms {
  readonly uid: string;
  readonly group: string;
  /** Not before this instant of the monotonic clock, unless it is answered already. */
  readonly from: DurationMs;
  readonly interval: DurationMs;
}

export interface Turn {
  /** Undefined: never answered yet. */
  readonly answer: ProbeAnswer | undefined;
  /** Undefined: the object is woken by the answer, or when it has its turn. */
  readonly nextAt: EpochMs | undefined;
}

export interface PullQuestions {
  /** The object asks these, and no others; what nobody asks any longer is forgotten. */
  keep(uid: string, questions: readonly ProbeQuestion[]): void;
  /** What is known; begins the question when it is due. */
  turn(question: ProbeQuestion, terms: Terms): Turn;
}

/** One question; all instants are of the monotonic clock. */
interface Entry {
  answer?: ProbeAnswer;
  answeredAt?: DurationMs;
  /** Answers in a row that are no verdict. */
  failures: number;
  /** The slot that it has for its next time. */
  slot?: DurationMs;
  isAsking: boolean;
}

/** In flight. Each takes a connection and some 20 KB; one that hangs takes 10 s (registry/client.ts). */
const BOUNDS: Bounds = {
  atOnce: 8,
  perPlace: 4,
  perGroup: 4,
  slow: { inAll: 16, perPlaceOfGroup: 2, cutAfter: seconds(5) },
};
/** Of one namespace: one a second, after a quiet time 16 at once. ECR answers hundreds, of which pulls need theirs. */
const EVERY = SECOND;
const AT_ONCE = 16;
/** Ten minutes: more questions than that are asked less often than they want. */
const AHEAD = 600;
/** Namespaces whose slots are kept; one that is forgotten begins with a burst. */
const GROUPS = 1_000;
/** A real answer stands while fewer tries in a row have failed. */
const PATIENCE = 3;

export function createPullQuestions(parts: PullQuestionsParts): PullQuestions {
  const { clock, wake, onAnswer, signal } = parts;
  const entries = new Map<string, Entry>();
  const users = createUsers<string>((key) => void entries.delete(key));
  const permits = createFairSemaphore({ clock, bounds: BOUNDS, wake: (waiter) => wake(uidOf(waiter)) });
  const slotsOf = createRecent(GROUPS, () => createSlots(clock, EVERY, AT_ONCE, AHEAD));
  /** By question in flight: uids of the objects that wait for it. */
  const waiters = new Map<string, Set<string>>();

  const begin = (key: string, entry: Entry, question: ProbeQuestion, { giveBack, cut }: Permit): void => {
    entry.isAsking = true;
    delete entry.slot;
    void ask(parts.registry, question, AbortSignal.any([signal, cut])).then((answer) => {
      giveBack();
      const landed = waiters.get(key) ?? [];
      waiters.delete(key);
      // The operator's own end is no answer of a registry.
      if (signal.aborted) return;
      take(entry, answer, clock.monotonic());
      onAnswer(answer);
      for (const uid of landed) wake(uid);
    });
  };

  return {
    keep: (uid, questions) => users.keep(uid, questions.map(keyOf)),
    turn(question, { uid, group, from, interval }) {
      const key = keyOf(question);
      const entry = entries.get(key) ?? { isAsking: false, failures: 0 };
      entries.set(key, entry);
      const { answer } = entry;
      const inTime = (at: DurationMs): EpochMs => plus(clock.now(), (at - clock.monotonic()) as DurationMs);
      const waiter = `${uid} ${key}`;
      const due = dueAt(entry, from, interval);
      if (due > clock.monotonic()) {
        permits.leave(question.host, group, waiter);
        return { answer, nextAt: inTime(due) };
      }
      if (!entry.isAsking) {
        const slot = entry.slot ?? slotsOf(group).reserve();
        if (slot === undefined) return { answer, nextAt: plus(clock.now(), (AHEAD * EVERY) as DurationMs) };
        entry.slot = slot;
        if (slot > clock.monotonic()) return { answer, nextAt: inTime(slot) };
        const permit = permits.tryAcquire(question.host, group);
        if (!permit) {
          permits.wait(question.host, group, waiter);
          return { answer, nextAt: undefined };
        }
        begin(key, entry, question, permit);
      }
      permits.leave(question.host, group, waiter);
      waiters.set(key, (waiters.get(key) ?? new Set()).add(uid));
      return { answer, nextAt: undefined };
    },
  };
}

/** A waiter is one question of one object; a uid has no space. */
function uidOf(waiter: string): string {
  return waiter.slice(0, waiter.indexOf(' '));
}

/** A try that failed is repeated after one, two, four … minutes, and at most after the interval. */
function dueAt({ answeredAt, failures }: Entry, from: DurationMs, interval: DurationMs): DurationMs {
  if (answeredAt === undefined) return from;
  const wait = failures === 0 ? interval : Math.min(interval, MINUTE * 2 ** (failures - 1));
  return (answeredAt + wait) as DurationMs;
}

function take(entry: Entry, answer: ProbeAnswer, now: DurationMs): void {
  entry.isAsking = false;
  entry.answeredAt = now;
  entry.failures = isVerdict(answer) ? 0 : entry.failures + 1;
  if (entry.answer === undefined || entry.failures === 0 || entry.failures >= PATIENCE) entry.answer = answer;
}

async function ask(registry: RegistryClient, question: ProbeQuestion, signal: AbortSignal): Promise<ProbeAnswer> {
  const { username, password } = question.login;
  try {
    return { op: 'answered', words: await registry.ask({ ...question, username, password }, signal) };
  } catch (thrown) {
    return { op: 'unreachable', message: networkWords(thrown, registry.proxyTo(question.host)) };
  }
}

function keyOf({ login, host, repository, reference }: ProbeQuestion): string {
  return digest(login.digest, host, repository, reference);
}
