// `status`: what the operator's objects hold, where, and what is wrong.

import { SECRETS } from '../api/meta.ts';
import { CLUSTER_KIND, CONDITION_READY, CONDITION_STALLED, OWNER_UID_LABEL } from '../api/names.ts';
import { orUnseen } from '../checks/seen.ts';
import { isObserved } from '../core/explain-object.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { SIDE_CONDITIONS, type SideCondition } from '../core/side-condition.ts';
import { cut } from '../core/text.ts';
import { listInPages } from '../kube/pages.ts';
import { failureFrom } from '../lib/errors.ts';
import { recordOf, stringOf } from '../lib/json.ts';
import { type EpochMs, formatRfc3339, parseRfc3339, seconds, sleep } from '../lib/time.ts';
import type { Context, Given, PeopleCommand } from './command.ts';
import { lifeBar, whenWords } from './login-bar.ts';
import { type FoundObjects, listObjects, parseObject, readObject } from './objects.ts';
import { readPullSecret } from './pull-secret.ts';
import type { Session } from './session.ts';
import { colored, type Output, plain, table } from './terminal.ts';

export const statusCommand: PeopleCommand = {
  name: 'status',
  usage: '[NAME | caeps/NAME]',
  summary: 'show what the objects hold, where, and what is wrong',
  description:
    'Shows the objects of the namespace and those of the cluster kind. With a name: one object, with its logins from issue to end and its Secret in every namespace. Ends by 1 when something is wrong.',
  argument: ['[object...]', 'NAME, or caeps/NAME for the cluster kind'],
  about: { op: 'names', of: 'objects' },
  options: [['-w, --watch', 'look again every two seconds, until Ctrl-C']],
  act: status,
};

interface LoginView {
  readonly registry: string;
  readonly hosts: readonly string[];
  readonly refreshedAt: string;
  readonly nextRefreshAt: string;
  readonly expiresAt: string;
}

interface SecretView {
  readonly namespace: string;
  /** `good`, `ended`, or `problem`: none of ours is there, or another one is in its place. */
  readonly state: 'good' | 'ended' | 'problem';
  readonly expiresAt: string | null;
  readonly problem: string | null;
}

interface ObjectView {
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly ready: string;
  readonly reason: string;
  readonly message: string;
  /** What is wrong beside Ready: a condition, a spec that nobody has looked at, a login that has ended. */
  readonly faults: readonly string[];
  /** Conditions that do not enter into Ready: Attached, Pullable. */
  readonly beside: readonly SideCondition[];
  readonly secretName: string;
  readonly secrets: { readonly desired: number; readonly ready: number };
  readonly logins: readonly LoginView[];
  /** Of one object that was asked for by its name; null for others, and when Secrets may not be read. */
  readonly namespaces: readonly SecretView[] | null;
}

interface View {
  readonly objects: readonly ObjectView[];
  readonly notes: readonly string[];
}

const LOOK_EVERY = seconds(2);
/** Namespaces that are shown. */
const MOST_NAMESPACES = 10_000;
const LONGEST_MESSAGE = 400;
/** Home, and clear to the end (ECMA-48, CUP and ED). */
const CLEAR = '\u001b[H\u001b[J';

async function status(context: Context, words: readonly string[], given: Given): Promise<number> {
  const wanted = parseObject(words);
  const session = await context.session();
  const look = async (): Promise<View> => {
    if (!wanted) return viewOf(await listObjects(session), session.clock.now());
    return await wholeView(session, await readObject(session, wanted));
  };
  let view = await look();
  if (!given['watch']) return await show(context, view, session);
  let before = '';
  for (;;) {
    const lines: string[] = [];
    const out: Output = { ...context.out, write: (text) => void lines.push(text) };
    await show({ ...context, out, print: (value) => context.print(value, out) }, view, session);
    const text = lines.join('');
    if (text !== before) context.out.write(context.out.isTerminal ? `${CLEAR}${text}` : text);
    before = text;
    await sleep(session.clock, LOOK_EVERY, session.signal);
    if (session.signal.aborted) return 0;
    // A moment without an answer is no reason to stop looking.
    view = await look().catch(
      (thrown: unknown): View => ({ objects: [], notes: [plain(failureFrom(thrown).message)] }),
    );
  }
}

async function show({ format, out, print }: Context, view: View, { clock }: Session): Promise<number> {
  if (format === 'table') printView(view, out, clock.now());
  else await print(view);
  const isUnread = view.objects.length === 0 && view.notes.length > 0;
  return !isUnread && view.objects.every(isWell) ? 0 : 1;
}

function isWell({ ready, faults, secrets, namespaces }: ObjectView): boolean {
  const areGood = namespaces?.every(({ state }) => state === 'good') ?? true;
  return ready === 'True' && faults.length === 0 && secrets.ready === secrets.desired && areGood;
}

function viewOf({ objects, notes }: FoundObjects, now: EpochMs): View {
  return { objects: objects.map((object) => objectView(object, null, now)), notes };
}

async function wholeView(session: Session, object: PullSecretObject): Promise<View> {
  const namespaces = await namespacesOf(session, object);
  const notes = namespaces === 'unseen' ? ['you may not list the Secrets: only problems of the status are shown'] : [];
  const shown = namespaces === 'unseen' ? problemsOnly(object) : namespaces;
  const view = objectView(object, shown, session.clock.now());
  const { desired } = view.secrets;
  const isShort = namespaces !== 'unseen' && namespaces.length < desired;
  const faults = isShort
    ? [...view.faults, `${desired - namespaces.length} of ${desired} Secrets are not there`]
    : view.faults;
  return { objects: [{ ...view, faults }], notes };
}

function faultsOf(object: PullSecretObject, at: EpochMs): readonly string[] {
  const { conditions = [], logins = [] } = object.status;
  const stalled = conditions.find(({ type, status: is }) => type === CONDITION_STALLED && is === 'True');
  const ended = logins.filter(({ expiresAt }) => (parseRfc3339(expiresAt) ?? at) < at);
  return [
    ...(stalled ? [plain(`Stalled: ${stalled.reason}: ${cut(stalled.message, LONGEST_MESSAGE)}`)] : []),
    ...conditions
      .filter(({ type, status: is }) => SIDE_CONDITIONS.has(type) && is === 'False')
      .map(({ type, reason, message }) => plain(`not ${type}: ${reason}: ${cut(message, LONGEST_MESSAGE)}`)),
    ...(conditions.length > 0 && !isObserved(object) ? ['the operator has not looked at the present spec'] : []),
    ...ended.map(({ registry }) => plain(`the login to ${registry} has ended`)),
  ];
}

function besideOf({ status: { conditions = [] } }: PullSecretObject): readonly SideCondition[] {
  return conditions
    .filter(({ type }) => SIDE_CONDITIONS.has(type))
    .map(({ type, status: is, reason, message }) => ({
      type,
      status: is,
      reason: plain(reason),
      message: plain(cut(message, LONGEST_MESSAGE)),
    }));
}

function objectView(object: PullSecretObject, namespaces: readonly SecretView[] | null, at: EpochMs): ObjectView {
  const { status: now, spec } = object;
  const ready = now.conditions?.find(({ type }) => type === CONDITION_READY);
  const { desired = 0, ready: inPlace = 0 } = now.secrets ?? {};
  return {
    kind: object.kind,
    namespace: object.namespace ?? null,
    name: object.name,
    ready: ready?.status ?? 'Unknown',
    reason: plain(ready?.reason ?? 'NotObserved'),
    message: plain(ready?.message ?? 'the operator has not looked at it yet'),
    faults: faultsOf(object, at),
    beside: besideOf(object),
    secretName: plain(stringOf(spec['secretName']) ?? ''),
    secrets: { desired, ready: inPlace },
    logins: (now.logins ?? []).map(({ registry, hosts, refreshedAt, nextRefreshAt, expiresAt }) => ({
      registry: plain(registry),
      hosts: hosts.map(plain),
      refreshedAt: plain(refreshedAt),
      nextRefreshAt: plain(nextRefreshAt),
      expiresAt: plain(expiresAt),
    })),
    namespaces,
  };
}

function problemsOnly({ status: { problems } }: PullSecretObject): readonly SecretView[] {
  return (problems?.items ?? []).map(({ namespace, reason, message }) => ({
    namespace: plain(namespace),
    state: 'problem',
    expiresAt: null,
    problem: plain(`${reason}: ${message}`),
  }));
}

/** The Secrets that carry the object's label, and the namespaces with problems. */
async function namespacesOf(
  { client, signal, clock }: Session,
  object: PullSecretObject,
): Promise<readonly SecretView[] | 'unseen'> {
  const views = new Map(problemsOnly(object).map((view) => [view.namespace, view]));
  const now = clock.now();
  const listed = listInPages(
    client,
    SECRETS,
    { namespace: object.namespace, labelSelector: `${OWNER_UID_LABEL}=${object.uid}`, onSkipped: () => {} },
    (raw) => {
      const { namespace, name } = recordOf(raw['metadata']);
      const where = stringOf(namespace) ?? '';
      const { endsAt, writerUid } = readPullSecret(raw);
      // The label alone is anybody's to set.
      if (writerUid !== object.uid || name !== object.spec['secretName'] || views.size >= MOST_NAMESPACES) return;
      const expiresAt = endsAt === undefined ? null : formatRfc3339(endsAt);
      const state = endsAt !== undefined && endsAt <= now ? 'ended' : 'good';
      const problem = views.get(where)?.problem ?? null;
      views.set(where, { namespace: where, state: problem === null ? state : 'problem', expiresAt, problem });
    },
    signal,
  );
  if ((await orUnseen(listed)) === 'unseen') return 'unseen';
  return [...views.values()].toSorted((one, other) => (one.namespace < other.namespace ? -1 : 1));
}

function printView({ objects, notes }: View, out: Output, now: EpochMs): void {
  const [only, ...others] = objects;
  if (!only) out.write(notes.length > 0 ? '' : 'there is no object of the operator here\n');
  else if (others.length === 0 && only.namespaces) printWhole(only, out, now);
  else out.write(table([HEAD, ...objects.map((object) => row(object, now))]));
  for (const note of notes) out.write(`${colored(out, 'dim', `(${note})`)}\n`);
}

const HEAD = ['KIND', 'NAMESPACE', 'NAME', 'READY', 'REASON', 'SECRETS', 'ENDS', 'RENEWED', ''];

function row(
  { kind, namespace, name, ready, reason, faults, secrets, logins }: ObjectView,
  now: EpochMs,
): readonly string[] {
  const first = (field: 'expiresAt' | 'nextRefreshAt'): string => {
    const at = parseRfc3339(logins.map((login) => login[field]).toSorted()[0]);
    return at === undefined ? '–' : whenWords(at, now);
  };
  return [
    kind === CLUSTER_KIND ? 'caeps' : 'aeps',
    namespace ?? '',
    name,
    ready,
    reason,
    `${secrets.ready}/${secrets.desired}`,
    first('expiresAt'),
    first('nextRefreshAt'),
    faults.join('; '),
  ];
}

function printWhole(object: ObjectView, out: Output, now: EpochMs): void {
  const { kind, namespace, name, ready, reason, message, faults, beside } = object;
  const { secretName, secrets, logins, namespaces } = object;
  const isGood = ready === 'True';
  const where = namespace === null ? '' : ` in namespace ${namespace}`;
  out.write(`${colored(out, 'bold', `${kind} ${name}`)}${where}\n`);
  out.write(`  ${colored(out, isGood ? 'green' : 'red', isGood ? '✔' : '✖')} Ready ${ready}: ${reason}\n`);
  if (!isGood) out.write(`    ${cut(message, LONGEST_MESSAGE)}\n`);
  for (const fault of faults) out.write(`  ${colored(out, 'red', '✖')} ${fault}\n`);
  for (const { type, status: is, reason: why, message: words } of beside)
    if (is !== 'False')
      out.write(`  ${is === 'True' ? colored(out, 'green', '✔') : '?'} ${type} ${is}: ${why}: ${words}\n`);
  out.write(`  Secret ${secretName}: ${secrets.ready} of ${secrets.desired} in place\n\n`);
  if (logins.length > 0)
    out.write(
      `${table([['REGISTRY', 'ISSUED', 'LIFE', 'RENEWED', 'ENDS'], ...logins.flatMap((login) => loginRow(login, now))])}\n`,
    );
  if (namespaces && namespaces.length > 0)
    out.write(
      table([
        ['NAMESPACE', 'SECRET', 'ENDS', 'PROBLEM'],
        ...namespaces.map(({ namespace: one, state, expiresAt, problem }) => {
          const at = parseRfc3339(expiresAt ?? undefined);
          return [one, state, at === undefined ? '–' : whenWords(at, now), problem ?? ''];
        }),
      ]),
    );
}

function loginRow(
  { registry, refreshedAt, nextRefreshAt, expiresAt }: LoginView,
  now: EpochMs,
): readonly (readonly string[])[] {
  const [from, renewAt, until] = [refreshedAt, nextRefreshAt, expiresAt].map(parseRfc3339);
  if (from === undefined || renewAt === undefined || until === undefined) return [];
  const bar = lifeBar({ from, renewAt, until }, now);
  return [[registry, whenWords(from, now), bar, whenWords(renewAt, now), whenWords(until, now)]];
}
