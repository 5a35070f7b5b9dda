// `migrate`: from keys in objects to keys in Secrets, and what is left of the Go project's older kind.

import { LEGACY, RESOURCES } from '../api/kinds.ts';
import { SECRETS } from '../api/meta.ts';
import { CLUSTER_KIND, LEGACY_KIND } from '../api/names.ts';
import { findInstalled } from '../checks/installation.ts';
import { faultOf, isObserved, kubectlName } from '../core/explain-object.ts';
import { holdsKeys, keysPatch, keysSecret, type Migration, planMigration } from '../core/migrate.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { ApiError, isConflict, isForbidden, isNotFound } from '../kube/api-error.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import { type JsonRecord, recordOf, stringOf } from '../lib/json.ts';
import { seconds, sleep } from '../lib/time.ts';
import type { Context, Given, PeopleCommand } from './command.ts';
import { listObjects, parseObject, readObject } from './objects.ts';
import { createProgress } from './progress.ts';
import type { Session } from './session.ts';
import { colored, type Output, plain, table } from './terminal.ts';

export const migrateCommand: PeopleCommand = {
  name: 'migrate',
  usage: '[NAME | caeps/NAME]',
  summary: 'move keys out of objects into Secrets',
  description:
    'Shows which objects hold their AWS keys in the spec, as those of the Go project do, and with --apply moves them: it writes a Secret with the keys, then names it in the object in place of the keys. The pull secrets stay as they are until the next login. Nothing is changed without --apply.',
  argument: ['[object...]', 'NAME, or caeps/NAME for the cluster kind; by default all'],
  about: { op: 'names', of: 'objects' },
  options: [
    ['--apply', 'do it'],
    [
      '--operator-namespace <name>',
      'where the Secrets of cluster objects go; by default where its Deployment is found',
    ],
  ],
  act: migrate,
};

/** `failing`: moved, and the operator reports a fault since. */
type Outcome = 'to move' | 'moved' | 'failing' | 'nothing to do' | 'left';

interface Row {
  readonly object: string;
  readonly outcome: Outcome;
  readonly words: string;
}

async function migrate(context: Context, words: readonly string[], given: Given): Promise<number> {
  const wanted = parseObject(words);
  const session = await context.session();
  const operatorNamespace = await namespaceOfOperator(session, given['operatorNamespace']);
  const found = wanted ? { objects: [await readObject(session, wanted)], notes: [] } : await listObjects(session);
  const rows: Row[] = [];
  const isApplied = given['apply'] === true;
  const progress = createProgress(context.err);
  try {
    for (const [at, object] of found.objects.entries()) {
      if (isApplied) progress.at(at, found.objects.length, kubectlName(object));
      rows.push(await handle(session, object, operatorNamespace, isApplied));
    }
  } finally {
    progress.end();
  }
  if (!wanted) rows.push(...(await legacyRows(session)));
  if (context.format === 'table') printRows(rows, found.notes, isApplied, context.out);
  else await context.print({ objects: rows, notes: found.notes });
  const isUnread = found.objects.length === 0 && found.notes.length > 0;
  return isUnread || rows.some(({ outcome }) => outcome === 'left' || outcome === 'failing') ? 1 : 0;
}

/** @returns undefined when nobody says it, and no Deployment is found: a wrong one would leave objects without keys */
async function namespaceOfOperator({ client, signal }: Session, given: Given[string]): Promise<string | undefined> {
  if (typeof given === 'string') return given;
  const installed = await findInstalled(client, signal);
  return typeof installed === 'object' ? installed.namespace : undefined;
}

async function handle(
  session: Session,
  object: PullSecretObject,
  operatorNamespace: string | undefined,
  isApplied: boolean,
): Promise<Row> {
  const { kind, namespace } = object;
  const row = (outcome: Outcome, words: string): Row => ({
    object: kubectlName(object),
    outcome,
    words: plain(words),
  });
  const planned = planMigration(object, operatorNamespace ?? '');
  if (planned === undefined) return row('nothing to do', 'its keys are not in its spec');
  if (typeof planned === 'string') return row('left', planned);
  if (kind === CLUSTER_KIND && operatorNamespace === undefined)
    return row(
      'left',
      'its Secret has to be where the operator runs, which is not found: say it by --operator-namespace',
    );
  const where = `Secret ${planned.secretName} in namespace ${planned.namespace}`;
  if (!isApplied) return row('to move', `the keys go into ${where}`);
  try {
    await move(session, planned);
  } catch (thrown) {
    const why = isConflict(thrown) ? 'it was changed meanwhile: run the command again' : failureFrom(thrown).message;
    return row('left', `${where}: ${why}`);
  }
  const after = await untilObserved(session, object);
  const fault = after && faultOf(after, namespace ?? '');
  if (fault) return row('failing', `the keys are in ${where}; ${fault.what}`);
  if (!after) return row('moved', `the keys are in ${where}; the operator has not looked at it yet: see its status`);
  return row('moved', `the keys are in ${where}; change the manifest that made the object, too`);
}

const LOOK_EVERY = seconds(0.5);
const PATIENCE = seconds(15);

/** @returns the object once the operator has seen its new spec; undefined when that takes too long */
async function untilObserved(session: Session, object: PullSecretObject): Promise<PullSecretObject | undefined> {
  const begun = session.clock.monotonic();
  while (session.clock.monotonic() - begun < PATIENCE) {
    // The keys are moved: what cannot be read now is no reason to stop.
    const now = await readObject(session, object).catch(() => undefined);
    if (now && isObserved(now)) return now;
    await sleep(session.clock, LOOK_EVERY, session.signal);
  }
  return undefined;
}

/** The Secret first: until the object names it, nothing has changed for anybody. */
async function move(session: Session, migration: Migration): Promise<void> {
  const { client, signal } = session;
  const { namespace, secretName, object } = migration;
  const there = await client.find(SECRETS, namespace, secretName, signal);
  if (there && !holdsKeys(there, migration))
    throw new Failure({ next: 'change', reason: 'SecretConflict', message: 'it is there, and holds something else' });
  const made = there ? undefined : await client.create(SECRETS, namespace, keysSecret(migration), signal);
  try {
    await client.patch(RESOURCES[object.kind], object, keysPatch(migration), signal);
  } catch (thrown) {
    if (await namesSecret(session, migration)) return;
    // Without a refusal the change may still be made: the only copy of the keys may be this one.
    if (made && isRefused(thrown)) await takeBack(session, migration, made, thrown);
    if (!made || isRefused(thrown)) throw thrown;
    const words = `${failureFrom(thrown).message}; whether the object names the Secret is not known, and it is kept: run the command again`;
    throw new Failure({ next: 'change', reason: 'SecretKept', message: words });
  }
}

/** The API server has answered, and changed nothing. */
function isRefused(thrown: unknown): boolean {
  return thrown instanceof ApiError && thrown.status >= 400 && thrown.status < 500 && thrown.status !== 408;
}

/** The change was made though its answer was lost. */
async function namesSecret(session: Session, { object, secretName }: Migration): Promise<boolean> {
  const now = await readObject(session, object).catch(() => undefined);
  return recordOf(recordOf(now?.spec['awsAccess'])['secretRef'])['name'] === secretName && now?.uid === object.uid;
}

/** The object does not name the new Secret: it goes again. @throws Failure when it stays, with both reasons */
async function takeBack(
  { client, signal }: Session,
  { namespace, secretName }: Migration,
  made: JsonRecord,
  because: unknown,
): Promise<void> {
  const { uid, resourceVersion } = recordOf(made['metadata']);
  const terms = { uid: stringOf(uid) ?? '', resourceVersion: stringOf(resourceVersion) ?? '' };
  try {
    await client.delete(SECRETS, { namespace, name: secretName }, terms, signal);
  } catch (thrown) {
    const words = `${failureFrom(because).message}; the Secret with the keys is left there, delete it: ${failureFrom(thrown).message}`;
    throw new Failure({ next: 'change', reason: 'SecretLeft', message: words });
  }
}

/** Objects of the kind that only the operator converts. */
async function legacyRows({ client, signal }: Session): Promise<readonly Row[]> {
  const page = await client.list(LEGACY, { limit: 500 }, signal).catch((thrown: unknown) => {
    if (isNotFound(thrown) || isForbidden(thrown)) return undefined;
    throw thrown;
  });
  const items = page?.ok ? page.items : [];
  return items.map((item) => ({
    object: plain(`${LEGACY_KIND}/${stringOf(recordOf(item['metadata'])['name']) ?? ''}`),
    outcome: 'left',
    words: 'the operator converts it, when legacyConversion.enabled is set in the chart (docs/migrate.md)',
  }));
}

function printRows(rows: readonly Row[], notes: readonly string[], isApplied: boolean, out: Output): void {
  if (rows.length === 0) out.write(notes.length > 0 ? '' : 'there is no object of the operator here\n');
  else
    out.write(
      table([['OBJECT', 'OUTCOME', ''], ...rows.map(({ object, outcome, words }) => [object, outcome, words])]),
    );
  for (const note of notes) out.write(`${colored(out, 'dim', `(${note})`)}\n`);
  if (!isApplied && rows.some(({ outcome }) => outcome === 'to move'))
    out.write('\nnothing was changed; --apply does it\n');
}
