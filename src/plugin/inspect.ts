// `inspect`: what a pull Secret opens, as whom, until when, and whose it is. Never a password.

import { SECRETS } from '../api/meta.ts';
import { Failure } from '../lib/errors.ts';
import { type JsonRecord, listOf, recordOf, stringOf } from '../lib/json.ts';
import { type EpochMs, formatRfc3339, parseRfc3339 } from '../lib/time.ts';
import type { Context, Given, PeopleCommand } from './command.ts';
import { whenWords } from './login-bar.ts';
import { type HostLogin, readLogins, readPullSecret, tokenEnd } from './pull-secret.ts';
import { oneNamespace, type Session } from './session.ts';
import { colored, type Output, plain, table } from './terminal.ts';
import { type Trial, tryPull } from './trial.ts';
import { usage } from './usage.ts';

export const inspectCommand: PeopleCommand = {
  name: 'inspect',
  usage: 'SECRET',
  summary: 'show what a pull secret opens, until when, and whose it is',
  description:
    'Shows the hosts that a Secret of type kubernetes.io/dockerconfigjson opens, for which user, when its logins end, and who owns it. Never a password. Needs the right to read the Secret. Ends by 1 when the kubelet could take no good login from it.',
  argument: ['[secret...]', 'name of the Secret'],
  about: { op: 'names', of: 'secrets' },
  options: [['--test <image>', 'ask the registry whether this login may pull the image, and say what it answered']],
  act: inspect,
};

interface HostView {
  readonly host: string;
  readonly user: string;
  /** By the token itself, or the operator's annotation; null when neither says it. */
  readonly endsAt: string | null;
  readonly problem: string | null;
}

interface SecretView {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  readonly owner: string | null;
  readonly hosts: readonly HostView[];
  readonly problem: string | null;
}

async function inspect(context: Context, words: readonly string[], given: Given): Promise<number> {
  const { session: connect, format, out, print } = context;
  const [name, ...more] = words.map((word) => word.replace(/^secrets?\//, ''));
  if (!name || more.length > 0) throw usage('inspect takes the name of one Secret');
  const session = await connect();
  const raw = await read(session, name);
  const logins = readLogins(raw);
  const view = viewOf(raw, logins);
  const image = given['test'];
  const trial = typeof image === 'string' ? await tryPull(context.registry(), image, logins ?? []) : undefined;
  const now = session.clock.now();
  if (format === 'table') {
    printView(view, out, now);
    if (trial) printTrial(trial, out);
  } else await print({ ...view, ...(trial ? { trial } : {}) });
  if (trial) return trial.mayPull ? 0 : 1;
  const isGood = ({ problem, endsAt }: HostView): boolean =>
    problem === null && (endsAt === null || (parseRfc3339(endsAt) ?? now) > now);
  return view.problem === null && view.hosts.length > 0 && view.hosts.every(isGood) ? 0 : 1;
}

async function read(session: Session, name: string): Promise<JsonRecord> {
  const namespace = oneNamespace(session);
  const raw = await session.client.find(SECRETS, namespace, name, session.signal);
  if (raw) return raw;
  const message = `there is no Secret ${name} in namespace ${namespace}: -n names another one`;
  throw new Failure({ next: 'change', reason: 'NotFound', message });
}

function viewOf(raw: JsonRecord, logins: readonly HostLogin[] | undefined): SecretView {
  const { namespace, name } = recordOf(raw['metadata']);
  const type = plain(stringOf(raw['type']) ?? '');
  const { endsAt } = readPullSecret(raw);
  return {
    namespace: stringOf(namespace) ?? '',
    name: stringOf(name) ?? '',
    type,
    owner: ownerOf(raw),
    hosts: (logins ?? []).map((login) => hostView(login, endsAt)),
    problem: logins ? null : `the kubelet takes no login from it: it is no docker config (type ${type})`,
  };
}

function ownerOf(raw: JsonRecord): string | null {
  const owners = listOf(recordOf(raw['metadata'])['ownerReferences']).map(recordOf);
  const owner = owners.find(({ controller }) => controller === true) ?? owners[0];
  return owner ? plain(`${stringOf(owner['kind'])} ${stringOf(owner['name'])}`) : null;
}

function hostView({ host, username, password }: HostLogin, annotated: EpochMs | undefined): HostView {
  const ends = tokenEnd(password) ?? annotated;
  return {
    host: plain(host),
    user: plain(username),
    endsAt: ends === undefined ? null : formatRfc3339(ends),
    problem: username === '' || password === '' ? 'it has no user, or no password' : null,
  };
}

function printView({ namespace, name, type, owner, hosts, problem }: SecretView, out: Output, now: EpochMs): void {
  out.write(`${colored(out, 'bold', `Secret ${namespace}/${name}`)} (${type})\n`);
  out.write(`  owner: ${owner ?? 'none'}\n`);
  if (problem !== null) return out.write(`  ${colored(out, 'red', '✖')} ${problem}\n`);
  if (hosts.length === 0) return out.write(`  ${colored(out, 'red', '✖')} it opens no host\n`);
  const rows = hosts.map(({ host, user, endsAt, problem: wrong }) => {
    const at = parseRfc3339(endsAt ?? undefined);
    return [host, user || '–', at === undefined ? 'not said' : `${endsAt} (${whenWords(at, now)})`, wrong ?? ''];
  });
  out.write(`\n${table([['HOST', 'USER', 'ENDS', 'PROBLEM'], ...rows])}`);
}

function printTrial({ image, host, mayPull, reason, words, help }: Trial, out: Output): void {
  const mark = mayPull ? colored(out, 'green', '✔') : colored(out, 'red', '✖');
  out.write(`\n${mark} ${reason}: ${image}\n`);
  if (words !== '') out.write(`  ${host} answered: ${words}\n`);
  if (help !== '') out.write(`  ${colored(out, 'green', '→')} ${help}\n`);
}
