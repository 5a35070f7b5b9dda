// `migrate`: from keys in objects to keys in Secrets, and what is left of the Go project's older kind.

import { LEGACY, RESOURCES } from '../api/kinds.ts';
import { SECRETS } from '../api/meta.ts';
import { CLUSTER_KIND, LEGACY_KIND, OPERATOR_NAME } from '../api/names.ts';
import { holdsKeys, keysPatch, keysSecret, type Migration, planMigration } from '../core/migrate.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { isConflict, isForbidden, isNotFound } from '../kube/api-error.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import { recordOf, stringOf } from '../lib/json.ts';
import type { Context, Given, PeopleCommand } from './command.ts';
import { listObjects, parseObject, readObject } from './objects.ts';
import type { Session } from './session.ts';
import { colored, type Output, plain, table } from './terminal.ts';

export const migrateCommand: PeopleCommand = {
  name: 'migrate',
  usage: '[NAME | caeps/NAME]',
  summary: 'move keys out of objects into Secrets',
  description:
    'Shows which objects hold their AWS keys in the spec, as those of the Go project do, and with --apply moves them: it writes a Secret with the keys, then names it in the object in place of the keys. The pull secrets stay as they are until the next login. Nothing is changed without --apply.',
  argument: ['[object...]', 'NAME, or caeps/NAME for the cluster kind; by default all'],
  options: [
    ['--apply', 'do it'],
    ['--operator-namespace <name>', 'where the Secrets of cluster objects go', `${OPERATOR_NAME}-system`],
  ],
  act: migrate,
};

type Outcome = 'to move' | 'moved' | 'nothing to do' | 'left';

interface Row {
  readonly object: string;
  readonly outcome: Outcome;
  readonly words: string;
}

async function migrate(context: Context, words: readonly string[], given: Given): Promise<number> {
  const wanted = parseObject(words);
  const session = await context.session();
  const operatorNamespace = String(given['operatorNamespace']);
  const found = wanted ? { objects: [await readObject(session, wanted)], notes: [] } : await listObjects(session);
  const rows: Row[] = [];
  for (const object of found.objects)
    rows.push(await handle(session, object, operatorNamespace, given['apply'] === true));
  if (!wanted) rows.push(...(await legacyRows(session)));
  if (context.format === 'table') printRows(rows, found.notes, given['apply'] === true, context.out);
  else await context.print({ objects: rows, notes: found.notes });
  return rows.some(({ outcome }) => outcome === 'left' || outcome === 'to move') ? 1 : 0;
}

async function handle(
  session: Session,
  object: PullSecretObject,
  operatorNamespace: string,
  isApplied: boolean,
): Promise<Row> {
  const { kind, namespace, name } = object;
  const row = (outcome: Outcome, words: string): Row => ({
    object: `${kind === CLUSTER_KIND ? 'caeps' : 'aeps'}/${name}${namespace === undefined ? '' : ` -n ${namespace}`}`,
    outcome,
    words: plain(words),
  });
  const planned = planMigration(object, operatorNamespace);
  if (planned === undefined) return row('nothing to do', 'its keys are not in its spec');
  if (typeof planned === 'string') return row('left', planned);
  const where = `Secret ${planned.secretName} in namespace ${planned.namespace}`;
  if (!isApplied) return row('to move', `the keys go into ${where}`);
  try {
    await move(session, planned);
    return row('moved', `the keys are in ${where}; change the manifest that made the object, too`);
  } catch (thrown) {
    const why = isConflict(thrown) ? 'it was changed meanwhile: run the command again' : failureFrom(thrown).message;
    return row('left', `${where}: ${why}`);
  }
}

/** The Secret first: until the object names it, nothing has changed for anybody. */
async function move({ client, signal }: Session, migration: Migration): Promise<void> {
  const { namespace, secretName, object } = migration;
  const there = await client.find(SECRETS, namespace, secretName, signal);
  if (there && !holdsKeys(there, migration))
    throw new Failure({ next: 'change', reason: 'SecretConflict', message: 'it is there, and holds something else' });
  const made = there ? undefined : await client.create(SECRETS, namespace, keysSecret(migration), signal);
  try {
    await client.patch(RESOURCES[object.kind], object, keysPatch(migration), signal);
  } catch (thrown) {
    const { uid, resourceVersion } = recordOf(made?.['metadata']);
    const terms = { uid: stringOf(uid), resourceVersion: stringOf(resourceVersion) };
    if (terms.uid !== undefined && terms.resourceVersion !== undefined)
      await client.delete(
        SECRETS,
        { namespace, name: secretName },
        { uid: terms.uid, resourceVersion: terms.resourceVersion },
        signal,
      );
    throw thrown;
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
  if (rows.length === 0) out.write('there is no object of the operator here\n');
  else
    out.write(
      table([['OBJECT', 'OUTCOME', ''], ...rows.map(({ object, outcome, words }) => [object, outcome, words])]),
    );
  for (const note of notes) out.write(`${colored(out, 'dim', `(${note})`)}\n`);
  if (!isApplied && rows.some(({ outcome }) => outcome === 'to move'))
    out.write('\nnothing was changed; --apply does it\n');
}
