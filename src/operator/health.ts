// Liveness and readiness of the operator. An outage of the API server or of AWS is no reason for a restart.

import { type Reply, textReply } from '../http/server.ts';
import { LONGEST_WATCH, type Reflector } from '../kube/reflector.ts';
import type { Clock } from '../lib/time.ts';

export type NamedReflector = readonly [name: string, reflector: Reflector];

/**
 * Alive: this answer shows that the event loop runs; every reflector has made an attempt within twice its deadline; and
 * no loop keeps failing.
 *
 * @param failing  names of the loops that do (lib/supervise.ts)
 */
export function livenessReply(reflectors: readonly NamedReflector[], clock: Clock, failing: readonly string[]): Reply {
  const stuck = reflectors.filter(([, reflector]) => clock.monotonic() - reflector.lastAttempt() > 2 * LONGEST_WATCH);
  const lines = [
    ...(stuck.length === 0 ? [] : [`stuck: ${stuck.map(([name]) => name).join(', ')}\n`]),
    ...(failing.length === 0 ? [] : [`goes on failing: ${failing.join(', ')}\n`]),
  ];
  return lines.length === 0 ? textReply(200, 'ok\n') : textReply(500, lines.join(''));
}

/**
 * Ready: every store has held a whole list once.
 *
 * @param webhook  why the webhook is not ready, where readiness depends on it
 */
export function readinessReply(reflectors: readonly NamedReflector[], webhook: string | undefined): Reply {
  const waiting = reflectors.filter(([, reflector]) => !reflector.isSynced());
  const lines = waiting.map(([name, reflector]) => `waiting for the first list of ${name}${reason(reflector)}\n`);
  if (webhook !== undefined) lines.push(`waiting for the webhook: ${webhook}\n`);
  return lines.length === 0 ? textReply(200, 'ok\n') : textReply(503, lines.join(''));
}

function reason(reflector: Reflector): string {
  const trouble = reflector.trouble();
  return trouble ? `: ${trouble.message}` : '';
}
