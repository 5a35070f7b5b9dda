// Are we alive, and are we ready? The API server or AWS being away is neither our death nor a reason to be restarted.

import { type Reply, textReply } from '../http/server.ts';
import { LONGEST_WATCH, type Reflector } from '../kube/reflector.ts';
import type { Clock } from '../lib/time.ts';

export type NamedReflector = readonly [name: string, reflector: Reflector];

/** Alive: this answer shows that the event loop turns; and every reflector has tried something within twice its deadline. */
export function livenessReply(reflectors: readonly NamedReflector[], clock: Clock): Reply {
  const stuck = reflectors.filter(([, reflector]) => clock.monotonic() - reflector.lastAttempt() > 2 * LONGEST_WATCH);
  if (stuck.length === 0) return textReply(200, 'ok\n');
  return textReply(500, `stuck: ${stuck.map(([name]) => name).join(', ')}\n`);
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
