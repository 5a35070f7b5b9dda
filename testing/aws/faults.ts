// The faults on the way to AWS, and the plan of when they occur. Knows no sockets: replies.ts carries a fault out.

import { z } from 'zod';

/**
 * One fault, by `op`:
 * - `error`: AWS answers with this error.
 * - `delay`: the answer comes `ms` later, as it would be then.
 * - `hold`: the same, at the stand-in's `release`.
 * - `hang`: the call is accepted and never answered.
 * - `hangAfterHeaders`: a good status line and headers, then nothing.
 * - `reset`: the connection is reset.
 * - `garbage`: this text instead of an answer (an HTML page of a proxy, half a JSON).
 * - `answer`: this JSON instead of the body of a success; refusals stay as they are.
 */
export const faultSchema = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('error'),
    status: z.int().min(200).max(599),
    code: z.string(),
    message: z.string(),
  }),
  z.strictObject({ op: z.literal('delay'), ms: z.number().min(0) }),
  z.strictObject({ op: z.literal('hold') }),
  z.strictObject({ op: z.literal('hang') }),
  z.strictObject({ op: z.literal('hangAfterHeaders') }),
  z.strictObject({ op: z.literal('reset') }),
  z.strictObject({
    op: z.literal('garbage'),
    status: z.int().min(200).max(599),
    contentType: z.string().regex(/^[\x20-\x7e]+$/),
    body: z.string(),
  }),
  z.strictObject({ op: z.literal('answer'), body: z.json() }),
]);

export type Fault = Readonly<z.infer<typeof faultSchema>>;

/** What a predicate sees: only claims, since the signature may still turn out wrong. */
export interface FaultSubject {
  readonly operation: string;
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

export interface Faults {
  /** The next `count` calls of any client suffer `fault`. Calls of this method queue up, and precede `failWhile`. */
  failNext(count: number, fault: Fault): void;
  /** Every call for which `predicate` is true suffers `fault`; the predicate given first wins. Ends with `clear`. */
  failWhile(predicate: (subject: FaultSubject) => boolean, fault: Fault): void;
  /** Drops the whole plan. Calls that already hang stay so. */
  clear(): void;
}

export interface FaultPlan extends Faults {
  /** The fault of the call that just came in, if any; uses up one of `failNext`. */
  take(subject: FaultSubject): Fault | undefined;
}

export function createFaultPlan(): FaultPlan {
  let next: { count: number; readonly fault: Fault }[] = [];
  let lasting: { readonly predicate: (subject: FaultSubject) => boolean; readonly fault: Fault }[] = [];
  return {
    failNext(count, fault) {
      next.push({ count, fault });
    },
    failWhile(predicate, fault) {
      lasting.push({ predicate, fault });
    },
    clear() {
      next = [];
      lasting = [];
    },
    take(subject) {
      next = next.filter((entry) => entry.count > 0);
      const first = next[0];
      if (first) {
        first.count -= 1;
        return first.fault;
      }
      return lasting.find((entry) => entry.predicate(subject))?.fault;
    },
  };
}
