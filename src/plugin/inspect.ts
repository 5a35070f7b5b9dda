// `inspect`: what a pull Secret opens, as whom, until when, and whose it is. Never a password.

import { SECRETS } from '../api/meta.ts';
import { DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE } from '../api/names.ts';
import { Failure } from '../lib/errors.ts';
import { isRecord, type JsonRecord, listOf, parseJson, recordOf, stringMapOf, stringOf } from '../lib/json.ts';
import { type EpochMs, formatRfc3339, parseRfc3339 } from '../lib/time.ts';
import { type Context, type PeopleCommand, usage } from './command.ts';
import { whenWords } from './login-bar.ts';
import { OLD_KEY, OLD_TYPE, readPullSecret } from './pull-secret.ts';
import type { Session } from './session.ts';
import { colored, type Output, plain, table } from './terminal.ts';

export const inspectCommand: PeopleCommand = {
  name: 'inspect',
  usage: 'SECRET',
  summary: 'show what a pull secret opens, until when, and whose it is',
  description:
    'Shows the hosts that a Secret of type kubernetes.io/dockerconfigjson opens, for which user, when its logins end, and who owns it. Never a password. Needs the right to read the Secret. Ends by 1 when the kubelet could take no good login from it.',
  argument: ['[secret...]', 'name of the Secret'],
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

async function inspect({ session: connect, format, out, print }: Context, words: readonly string[]): Promise<number> {
  const [name, ...more] = words.map((word) => word.replace(/^secrets?\//, ''));
  if (!name || more.length > 0) throw usage('inspect takes the name of one Secret');
  const session = await connect();
  const view = await read(session, name);
  const now = session.clock.now();
  if (format === 'table') printView(view, out, now);
  else await print(view);
  const isGood = ({ problem, endsAt }: HostView): boolean =>
    problem === null && (endsAt === null || (parseRfc3339(endsAt) ?? now) > now);
  return view.problem === null && view.hosts.length > 0 && view.hosts.every(isGood) ? 0 : 1;
}

async function read({ client, namespace, signal }: Session, name: string): Promise<SecretView> {
  if (namespace === undefined) throw usage('one Secret is in one namespace: leave out -A');
  const raw = await client.find(SECRETS, namespace, name, signal);
  if (!raw)
    throw new Failure({
      next: 'change',
      reason: 'NotFound',
      message: `there is no Secret ${name} in namespace ${namespace}: -n names another one`,
    });
  const type = stringOf(raw['type']) ?? '';
  const { endsAt } = readPullSecret(raw);
  const entries = entriesOf(raw, type);
  return {
    namespace,
    name,
    type: plain(type),
    owner: ownerOf(raw),
    hosts: Object.entries(entries ?? {}).map(([host, entry]) => hostView(host, entry, endsAt)),
    problem: entries ? null : `the kubelet takes no login from it: it is no docker config (type ${plain(type)})`,
  };
}

function entriesOf(raw: JsonRecord, type: string): JsonRecord | undefined {
  const data = stringMapOf(raw['data']);
  const parsed = (key: string): unknown => parseJson(Buffer.from(data.get(key) ?? '', 'base64').toString('utf8'));
  const entries = type === OLD_TYPE ? parsed(OLD_KEY) : recordOf(parsed(DOCKER_CONFIG_KEY))['auths'];
  return (type === OLD_TYPE || type === DOCKER_CONFIG_TYPE) && isRecord(entries) ? entries : undefined;
}

function ownerOf(raw: JsonRecord): string | null {
  const owners = listOf(recordOf(raw['metadata'])['ownerReferences']).map(recordOf);
  const owner = owners.find(({ controller }) => controller === true) ?? owners[0];
  return owner ? plain(`${stringOf(owner['kind'])} ${stringOf(owner['name'])}`) : null;
}

function hostView(host: string, value: unknown, annotated: EpochMs | undefined): HostView {
  const { username, password, auth } = recordOf(value);
  const pair = Buffer.from(stringOf(auth) ?? '', 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const user = stringOf(username) || pair.slice(0, Math.max(0, colon));
  const token = stringOf(password) || pair.slice(colon + 1);
  const ends = tokenEnd(token) ?? annotated;
  return {
    host: plain(host),
    user: plain(user),
    endsAt: ends === undefined ? null : formatRfc3339(ends),
    problem: user === '' || token === '' ? 'it has no user, or no password' : null,
  };
}

/** A token of ECR is JSON in base64 that names its end in seconds since 1970: no promise of AWS, so only a help. */
function tokenEnd(token: string): EpochMs | undefined {
  const { expiration } = recordOf(parseJson(Buffer.from(token, 'base64').toString('utf8')));
  const isTime = typeof expiration === 'number' && expiration > 0 && expiration < 1e11;
  return isTime ? ((expiration * 1_000) as EpochMs) : undefined;
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
