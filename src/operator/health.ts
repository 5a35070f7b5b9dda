// Are we alive, and are we ready? The API server or AWS being away is neither our death nor a reason to be restarted.

import { type Reply, textReply } from '../http/server.ts';
import { LONGEST_WATCH, type Reflector } from '../kube/reflector.ts';
import type { Clock } from '../lib/time.ts';

export type NamedReflector = readonly [name: string, reflector: Reflector];

/**
 * Alive: this answer shows that the event loop turns; every reflector has tried something within twice its deadline; and nothing that
 * runs all the time goes on failing.
 *
 * @param failing  names of what does (lib/supervise.ts)
 */
export function livenessReply(
  reflectors: readonly NamedReflector[],
  clock: Clock,
  failing: readonly string[] = [],
): Reply {
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
 * @param webhook  why the webhook is not ready, where that counts
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
