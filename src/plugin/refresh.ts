// `refresh`: asks the operator for new logins of one object, and waits for them.

import { RESOURCES } from '../api/kinds.ts';
import { CLUSTER_KIND, RECONCILE_AT_ANNOTATION } from '../api/names.ts';
import type { PullSecretStatus } from '../api/schema.ts';
import { faultOf } from '../core/explain-object.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { ApiError } from '../kube/api-error.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import { type DurationMs, formatMilliseconds, SECOND, seconds, sleep } from '../lib/time.ts';
import { type Context, type Given, type PeopleCommand, secondsIn } from './command.ts';
import { parseObject, readObject } from './objects.ts';
import type { Session } from './session.ts';
import { colored, type Output, plain, table } from './terminal.ts';
import { usage } from './usage.ts';

export const refreshCommand: PeopleCommand = {
  name: 'refresh',
  usage: 'NAME | caeps/NAME',
  summary: 'have an object log in anew, and wait for it',
  description:
    'Asks the operator for new logins of an object, by its annotation, waits for them, and shows the end of the old and the new ones. Needs the right to patch the object.',
  argument: ['[object...]', 'NAME, or caeps/NAME for the cluster kind'],
  about: { op: 'names', of: 'objects' },
  options: [['--timeout <seconds>', 'how long to wait', '60']],
  act: refresh,
};

interface Refreshed {
  readonly registry: string;
  readonly before: string | null;
  readonly after: string;
  /** Last characters of the access key id that gave the login; null for identities without one. */
  readonly key: string | null;
}

const LOOK_EVERY = seconds(0.5);

async function refresh(
  { session: connect, format, out, err, print }: Context,
  words: readonly string[],
  given: Given,
): Promise<number> {
  const wanted = parseObject(words);
  if (!wanted) throw usage('refresh takes the name of one object');
  const timeout = secondsIn(given, 'timeout', 1);
  const session = await connect();
  const before = await readObject(session, wanted);
  const mark = formatMilliseconds(session.clock.now());
  const at = { namespace: wanted.kind === CLUSTER_KIND ? undefined : before.namespace, name: before.name };
  const annotations = { [RECONCILE_AT_ANNOTATION]: mark };
  await session.client.patch(
    RESOURCES[wanted.kind],
    at,
    { metadata: { uid: before.uid, annotations } },
    session.signal,
  );
  if (out.isTerminal) err.write(`asked for new logins of ${wanted.name}; waiting …\n`);
  const after = await untilHandled(session, before, mark, timeout);
  if (after.uid !== before.uid)
    throw new Failure({
      next: 'change',
      reason: 'Replaced',
      message: `${wanted.name} was deleted, and is another object now: ask again`,
    });
  if (after.status.lastHandledReconcileAt !== mark) return unanswered(after, timeout, err);
  const logins = refreshed(before.status, after.status);
  if (format === 'table') printLogins(logins, out);
  else await print({ logins });
  return 0;
}

/** @returns the object once the operator has handled the mark, or as it is when the time is over */
async function untilHandled(
  session: Session,
  object: PullSecretObject,
  mark: string,
  timeout: DurationMs,
): Promise<PullSecretObject> {
  const begun = session.clock.monotonic();
  for (;;) {
    const isOver = session.clock.monotonic() - begun >= timeout;
    // The request is made: a moment without an answer is no reason to stop waiting for what comes of it.
    const now = await readObject(session, object).catch((thrown: unknown) => {
      if (isOver || !isPassing(thrown)) throw thrown;
      return undefined;
    });
    if (now && (now.status.lastHandledReconcileAt === mark || isOver || now.uid !== object.uid)) return now;
    await sleep(session.clock, LOOK_EVERY, session.signal);
  }
}

/** It may be otherwise in a moment, without anybody changing anything. */
function isPassing(thrown: unknown): boolean {
  return failureFrom(thrown).reason === 'ApiServerUnreachable' || (thrown instanceof ApiError && thrown.status >= 500);
}

function unanswered(object: PullSecretObject, timeout: DurationMs, err: Output): number {
  const fault = faultOf(object, object.namespace ?? '');
  const why = fault
    ? `${fault.what} → ${fault.next}`
    : 'the operator has not looked at it: does it run, and does it work in this namespace?';
  err.write(`error: no new login within ${timeout / SECOND} s: ${plain(why)}\n`);
  return 1;
}

function refreshed(before: PullSecretStatus, after: PullSecretStatus): readonly Refreshed[] {
  const orNull = (text: string | undefined): string | null => (text === undefined ? null : plain(text));
  return (after.logins ?? []).map(({ registry, expiresAt, accessKeyIdSuffix }) => ({
    registry: plain(registry),
    before: orNull(before.logins?.find((login) => login.registry === registry)?.expiresAt),
    after: plain(expiresAt),
    key: orNull(accessKeyIdSuffix),
  }));
}

function printLogins(logins: readonly Refreshed[], out: Output): void {
  out.write(`${colored(out, 'green', '✔')} logged in anew\n\n`);
  const rows = logins.map(({ registry, before, after, key }) => [
    registry,
    before ?? '–',
    after,
    key === null ? '–' : `…${key}`,
  ]);
  out.write(table([['REGISTRY', 'ENDED BEFORE', 'ENDS NOW', 'KEY'], ...rows]));
}
