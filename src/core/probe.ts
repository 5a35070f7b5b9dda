// Asking registries whether a pull would work: what an object wants to know, whom to ask, and what the answers say.
// Pure.

import {
  CACHE_PREFIXES,
  CONDITION_PULLABLE,
  MAX_PROBED,
  PROBE_INTERVAL_PATTERN,
  PROBED_MAX_LENGTH,
  REASON,
} from '../api/names.ts';
import { isRecord, type JsonRecord, stringOf, stringsOf } from '../lib/json.ts';
import { isRepository, isTag } from '../lib/oci-name.ts';
import { type DurationMs, HOUR, MINUTE } from '../lib/time.ts';
import { opens } from './docker-keyring.ts';
import { ecrHost, parseImage } from './image.ts';
import type { Login } from './login.ts';
import { pullVerdict, type RegistryWords, wordsOf } from './pull-verdict.ts';
import { type ExtraHosts, type Registry, withExtraHosts } from './registries.ts';
import type { SideCondition } from './side-condition.ts';
import { cut, listNames } from './text.ts';

export interface ProbeWish {
  /** Sorted, no repeats, at least one. */
  readonly targets: readonly ProbeTarget[];
  readonly interval: DurationMs;
}

/** What is asked about. */
export interface ProbeTarget {
  /** Undefined: the registry of the object's own region. */
  readonly host: string | undefined;
  readonly repository: string;
  readonly reference: string;
}

/** A target, and the login to ask with. */
export interface ProbeQuestion extends ProbeTarget {
  readonly host: string;
  readonly login: Login;
}

/** Why nobody is asked about a target. */
export type Unasked =
  /** None of the registries that the object wants is its host, as far as ECR named them. */
  | { readonly op: 'not opened' }
  /** There is no login to its registry now. */
  | { readonly op: 'no login' };

/** What is known of one target. */
export type ProbeAnswer =
  | Unasked
  | { readonly op: 'answered'; readonly words: RegistryWords }
  /** In the words of the connection. */
  | { readonly op: 'unreachable'; readonly message: string };

const DEFAULT_INTERVAL: DurationMs = HOUR;
const LEAST_INTERVAL = (5 * MINUTE) as DurationMs;
const MOST_INTERVAL = (24 * HOUR) as DurationMs;
const INTERVAL = new RegExp(PROBE_INTERVAL_PATTERN);
/** Asked for where no tag is given. A registry that has it answers that pulling is allowed, too. */
export const NO_SUCH_TAG = 'kube-ecr-secrets-operator-asks-whether-it-may-pull';
const CACHES: ReadonlySet<string> = new Set(CACHE_PREFIXES);
const NAMES = 300;
const MESSAGE = 1_000;

/** @returns undefined when the object asks for nothing, or a sentence that says what is wrong */
export function parseProbe(spec: JsonRecord): ProbeWish | string | undefined {
  const value = spec['probe'];
  if (value === undefined) return undefined;
  if (!isRecord(value)) return 'spec.probe is not an object';
  const { repositories } = value;
  const listed = [...new Set(stringsOf(repositories))].sort();
  if (!Array.isArray(repositories) || listed.length === 0 || repositories.length > MAX_PROBED)
    return `spec.probe.repositories is not a list of 1 to ${MAX_PROBED} repositories`;
  const targets: ProbeTarget[] = [];
  for (const text of listed) {
    const target = parseTarget(text);
    if (typeof target === 'string') return `spec.probe.repositories: ${cut(text, 100)} ${target}`;
    targets.push(target);
  }
  const interval = value['interval'] === undefined ? DEFAULT_INTERVAL : parseInterval(stringOf(value['interval']));
  return interval === undefined
    ? 'spec.probe.interval is not a time from 5m to 24h, such as 1h'
    : { targets, interval };
}

function parseTarget(text: string): ProbeTarget | string {
  const first = text.slice(0, Math.max(0, text.indexOf('/')));
  const hasHost = /[.:]/.test(first);
  // Without a host the parser would take the first part for one of Docker Hub's.
  const { host, repository, reference } = parseImage(hasHost ? text : `ecr.invalid/${text}`);
  const isTagged = reference !== 'latest' || text.endsWith(':latest');
  const tag = isTagged ? reference : NO_SUCH_TAG;
  if (text.length > PROBED_MAX_LENGTH || !isRepository(repository) || !isTag(tag))
    return 'is no repository (an example: team/app, or team/app:1.0)';
  const [prefix = ''] = repository.split('/');
  if (repository.includes('/') && CACHES.has(prefix))
    return 'is the name of a pull-through cache: asking it may create a repository; name one of your own';
  return { host: hasHost ? host : undefined, repository, reference: tag };
}

function parseInterval(text = ''): DurationMs | undefined {
  if (!INTERVAL.test(text)) return undefined;
  const length = (Number(text.slice(0, -1)) * (text.endsWith('h') ? HOUR : MINUTE)) as DurationMs;
  return length >= LEAST_INTERVAL && length <= MOST_INTERVAL ? length : undefined;
}

/** What an object holds, and which registries it wants. */
export interface Openable {
  /** Without further hosts. */
  readonly logins: readonly Login[];
  readonly extra: ExtraHosts;
  readonly registries: readonly Registry[];
}

/**
 * Whom to ask, with which login: only hosts that AWS gave with a login, and ECR's hosts of the accounts in
 * `spec.registries`. A host in `spec.registries.hosts` is a user's word: the operator would carry the login there, and
 * bring back what answers.
 *
 * @returns in the order of the targets
 */
export function probeQuestions(
  { targets }: ProbeWish,
  { logins, extra, registries }: Openable,
): readonly (ProbeQuestion | Unasked)[] {
  const opened = withExtraHosts(logins, { ...extra, hosts: [] });
  return targets.map((target) => {
    const { host = logins.find(({ registry }) => registry === extra.region)?.hosts[0] } = target;
    const login = host === undefined ? undefined : opened.find((one) => isOpenedBy(one, host, target));
    if (host !== undefined && login) return { ...target, host, login };
    const region = host === undefined ? extra.region : ecrHost(host)?.region;
    const isAwaited = registries.some(
      ({ registry }) => registry === region && !logins.some((one) => one.registry === registry),
    );
    return { op: isAwaited ? 'no login' : 'not opened' };
  });
}

function isOpenedBy({ hosts }: Login, host: string, { repository, reference }: ProbeTarget): boolean {
  if (hosts.includes(host)) return true;
  return ecrHost(host) !== undefined && hosts.some((one) => opens(one, { host, repository, reference }));
}

/**
 * @param answers  of each target what is known, in their order
 */
export function judgeProbe({ targets }: Pick<ProbeWish, 'targets'>, answers: readonly ProbeAnswer[]): SideCondition {
  const verdicts = targets.map((target, at) => ({
    name: nameOf(target),
    ...verdictOf(answers[at], target.reference !== NO_SUCH_TAG),
  }));
  const [bad] = [...verdicts.filter(isFalse), ...verdicts.filter(({ status }) => status === 'Unknown')];
  if (!bad) {
    const names = listNames(
      verdicts.map(({ name }) => name),
      ', ',
      NAMES,
    );
    const message = `the registry lets this login pull from ${names}`;
    return { type: CONDITION_PULLABLE, status: 'True', reason: REASON.pullable, message };
  }
  const { name, status, reason, words } = bad;
  const others = verdicts.filter((one) => one !== bad && one.status !== 'True').length;
  const more = others === 0 ? '' : `; and ${others} more`;
  return { type: CONDITION_PULLABLE, status, reason, message: cut(`${name}: ${words}${more}`, MESSAGE) };
}

function nameOf({ host, repository, reference }: ProbeTarget): string {
  const tag = reference === NO_SUCH_TAG ? '' : `:${reference}`;
  return `${host === undefined ? '' : `${host}/`}${repository}${tag}`;
}

type Verdict = Pick<SideCondition, 'status' | 'reason'> & { readonly words: string };

function isFalse({ status }: Verdict): boolean {
  return status === 'False';
}

/** What only says that the registry could not be asked is no verdict about the login. */
const NO_VERDICT: ReadonlySet<string> = new Set([REASON.registryThrottled, REASON.unexpectedAnswer]);

/** Whether it says something of the login. */
export function isVerdict(answer: ProbeAnswer): boolean {
  return answer.op === 'answered' && !NO_VERDICT.has(pullVerdict(answer.words).reason);
}

const NOT_OPENED =
  'no login of this object opens that registry, of those that can be asked: name its region or account in spec.registries (hosts in spec.registries.hosts and ECR Public are not asked)';
const NO_LOGIN = 'there is no login to ask with; Ready says why';

function verdictOf(answer: ProbeAnswer | undefined, isTagged: boolean): Verdict {
  if (!answer || answer.op === 'not opened')
    return { status: 'False', reason: REASON.registryNotOpened, words: NOT_OPENED };
  if (answer.op === 'no login') return { status: 'Unknown', reason: REASON.noLogin, words: NO_LOGIN };
  if (answer.op === 'unreachable')
    return {
      status: 'Unknown',
      reason: REASON.registryUnreachable,
      words: `could not be asked: ${answer.message} (docs/network.md)`,
    };
  const { mayPull, reason, help } = pullVerdict(answer.words);
  const words = `${wordsOf(answer.words)}: ${help}`;
  // Where no tag was given, one is asked for that does not exist.
  if (mayPull && (!isTagged || reason !== REASON.imageNotFound)) return { status: 'True', reason, words };
  return { status: NO_VERDICT.has(reason) ? 'Unknown' : 'False', reason, words };
}
