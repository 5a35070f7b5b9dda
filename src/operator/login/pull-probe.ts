// Whether an object's login may pull, as far as registries have said so: the condition, and when to look again.

import { CONDITION_PULLABLE, REASON } from '../../api/names.ts';
import type { Login } from '../../core/login.ts';
import { judgeProbe, type ProbeQuestion, type ProbeWish, probeQuestions, type Unasked } from '../../core/probe.ts';
import type { PullSecretObject, Wish } from '../../core/resource.ts';
import type { SideCondition } from '../../core/side-condition.ts';
import { type DurationMs, type EpochMs, MINUTE, type Random } from '../../lib/time.ts';
import { createPullQuestions, type PullQuestionsParts, type Turn } from './pull-questions.ts';

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

export interface PullProbesParts extends PullQuestionsParts {
  readonly random: Random;
}

/** After a start the questions of all objects are spread over this time. */
const LONGEST_START = (10 * MINUTE) as DurationMs;

export function createPullProbes(parts: PullProbesParts): PullProbes {
  const { clock, random } = parts;
  const questions = createPullQuestions(parts);
  /** By object: when this process asks for the first time, on the monotonic clock. */
  const starts = new Map<string, DurationMs>();
  const forget = (uid: string): void => {
    questions.keep(uid, []);
    starts.delete(uid);
  };

  /**
   * What a status says since before this process began stands for a while: after a start not all objects ask at once.
   */
  const startOf = (object: PullSecretObject, { interval }: ProbeWish): DurationMs => {
    const now = clock.monotonic();
    const stands = standing(object)?.observedGeneration === object.generation;
    const later = (now + Math.min(interval, LONGEST_START) * random()) as DurationMs;
    const start = stands ? (starts.get(object.uid) ?? later) : now;
    starts.set(object.uid, start);
    return start;
  };

  return {
    forget,
    look(object, { probe, extra, registries }, logins) {
      const { uid, namespace, name } = object;
      if (typeof probe !== 'object') {
        forget(uid);
        const conditions = probe === undefined ? [] : [wrong(probe)];
        return { conditions, nextAt: undefined };
      }
      const usable = logins.filter(({ expiresAt }) => expiresAt > clock.now());
      const asked = probeQuestions(probe, { logins: usable, extra, registries });
      questions.keep(uid, asked.filter(isQuestion));
      const terms = { uid, group: namespace ?? `/${name}`, from: startOf(object, probe), interval: probe.interval };
      const turns = asked.map(
        (one): Turn => (isQuestion(one) ? questions.turn(one, terms) : { answer: one, nextAt: undefined }),
      );
      const instants = turns.flatMap(({ nextAt }) => nextAt ?? []);
      const nextAt = instants.length === 0 ? undefined : (Math.min(...instants) as EpochMs);
      const answers = turns.flatMap(({ answer }) => answer ?? []);
      if (answers.length === turns.length) return { conditions: [judgeProbe(probe, answers)], nextAt };
      // Until all have been answered once, the status says what it said, and of which generation.
      const before = standing(object);
      return { conditions: before ? [before] : [], nextAt };
    },
  };
}

function standing({ status }: PullSecretObject): SideCondition | undefined {
  return status.conditions?.find(({ type }) => type === CONDITION_PULLABLE);
}

function wrong(message: string): SideCondition {
  return { type: CONDITION_PULLABLE, status: 'False', reason: REASON.invalidSpec, message };
}

function isQuestion(one: ProbeQuestion | Unasked): one is ProbeQuestion {
  return 'login' in one;
}
