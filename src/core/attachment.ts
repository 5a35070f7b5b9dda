// Which ServiceAccounts name a pull Secret among their imagePullSecrets: what an object asks for, the one change that
// an account needs, and what the object's status says of it. Pure.

import { ATTACHED_ANNOTATION, CONDITION_ATTACHED, REASON, SECRET_NAME_PATTERN } from '../api/names.ts';
import { canonicalJson, isRecord, type JsonRecord, parseJson, recordOf, stringMapOf, stringsOf } from '../lib/json.ts';
import { type Labels, type Match, match, parseSelector, type Selector } from './selector.ts';
import type { SideCondition } from './side-condition.ts';
import { listNames } from './text.ts';

/** Accounts of a namespace, by name or by label. */
export type AccountSelection =
  | { readonly op: 'names'; readonly names: readonly string[] }
  | { readonly op: 'selector'; readonly selector: Selector };

/** A ServiceAccount, reduced to what decisions need. */
export interface SeenAccount {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly deleting: boolean;
  readonly labels: Labels;
  /** `labels` are all its labels, not only the first of them. */
  readonly hasAllLabels: boolean;
  /** Names in its imagePullSecrets, in their order, repeats included. */
  readonly pullSecrets: readonly string[];
  /** By name of a Secret: the uid of the object for which the operator added it. */
  readonly attached: ReadonlyMap<string, string>;
  /** It names more than the operator keeps: neither list is known, and it is left as it is. */
  readonly isTooLarge: boolean;
}

/** Entries of imagePullSecrets that are kept of one account, and of its annotation; Kubernetes bounds neither. */
export const MAX_ENTRIES = 64;
const SECRET_NAME = new RegExp(SECRET_NAME_PATTERN);

/**
 * @returns undefined when the object asks for no account, or a sentence that says what is wrong
 */
export function parseServiceAccounts(spec: JsonRecord): AccountSelection | string | undefined {
  const value = spec['serviceAccounts'];
  if (value === undefined) return undefined;
  // A wish that cannot be read must not look like none: the operator would take entries away.
  if (!isRecord(value)) return 'spec.serviceAccounts is not an object';
  const { names, selector } = value;
  if ((names === undefined) === (selector === undefined))
    return 'spec.serviceAccounts: give either names or a selector';
  if (names !== undefined) {
    const listed = [...new Set(stringsOf(names))].sort();
    if (!Array.isArray(names) || stringsOf(names).length < names.length || listed.length === 0)
      return 'spec.serviceAccounts.names is not a list of names';
    return { op: 'names', names: listed };
  }
  const parsed = parseSelector(selector);
  return typeof parsed === 'string' ? `spec.serviceAccounts.selector: ${parsed}` : { op: 'selector', selector: parsed };
}

/** Whether an object asks for this account. */
export function selectsAccount(
  selection: AccountSelection,
  { name, labels, hasAllLabels }: Pick<SeenAccount, 'name' | 'labels' | 'hasAllLabels'>,
): Match {
  if (selection.op === 'names') return selection.names.includes(name) ? 'yes' : 'no';
  return match(selection.selector, labels, hasAllLabels);
}

/** A pull Secret that an account is to name, and the uid of the object that it is written for. */
export interface Claim {
  readonly secretName: string;
  readonly uid: string;
}

/** How the lists of an account are to change. */
export interface AttachmentPlan {
  /** Names for the end of imagePullSecrets. Empty: nothing is added. */
  readonly added: readonly string[];
  readonly pullSecrets: readonly string[];
  readonly attached: ReadonlyMap<string, string>;
}

/**
 * @param claims  at most one for each name of a Secret
 * @param keeps   whether an entry that no claim names stays, because what it was added for is not certain to have ended
 * @returns undefined when the account is as it should be
 *
 * Guarantees (attachment.property.test.ts): planning again after the change yields none; an entry that the annotation
 * does not list keeps its place; the annotation lists no entry that was there before the operator added it.
 */
export function planAttachment(
  { pullSecrets, attached, isTooLarge }: Pick<SeenAccount, 'pullSecrets' | 'attached' | 'isTooLarge'>,
  claims: readonly Claim[],
  keeps: (entry: Claim) => boolean,
): AttachmentPlan | undefined {
  if (isTooLarge) return undefined;
  const wanted = new Map(claims.map(({ secretName, uid }) => [secretName, uid]));
  const listed = new Map<string, string>();
  const removed = new Set<string>();
  for (const [secretName, uid] of attached) {
    const now = wanted.get(secretName);
    if (now !== undefined) listed.set(secretName, now);
    else if (pullSecrets.includes(secretName) && keeps({ secretName, uid })) listed.set(secretName, uid);
    else removed.add(secretName);
  }
  const kept = [...pullSecrets];
  // The operator adds at the end: where a name is there twice, the other one is a user's.
  for (const name of removed) if (kept.includes(name)) kept.splice(kept.lastIndexOf(name), 1);
  const room = MAX_ENTRIES - kept.length;
  const added = [...wanted.keys()].filter((name) => !kept.includes(name)).slice(0, Math.max(0, room));
  for (const { secretName, uid } of claims) if (added.includes(secretName)) listed.set(secretName, uid);
  const isSame = added.length === 0 && kept.length === pullSecrets.length && sameEntries(listed, attached);
  return isSame ? undefined : { added, pullSecrets: [...kept, ...added], attached: listed };
}

function sameEntries(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, uid]) => other.get(name) === uid);
}

/** What the operator has done to an account: the entries that the annotation lists, and which of them are there. */
export function ownPart({ pullSecrets, attached }: Pick<SeenAccount, 'pullSecrets' | 'attached'>): string {
  const entries = [...attached].map(([name, uid]) => [name, [uid, pullSecrets.includes(name)]]);
  return canonicalJson(Object.fromEntries(entries));
}

/**
 * The change as a JSON merge patch that names the account in the version that it was decided on: the list is replaced
 * as a whole, as Kubernetes merges it (ServiceAccount v1, imagePullSecrets: an atomic list).
 */
export function attachmentPatch(
  { uid, resourceVersion }: Pick<SeenAccount, 'uid' | 'resourceVersion'>,
  { pullSecrets, attached }: AttachmentPlan,
): JsonRecord {
  const listing = attached.size === 0 ? null : canonicalJson(Object.fromEntries(attached));
  return {
    metadata: { uid, resourceVersion, annotations: { [ATTACHED_ANNOTATION]: listing } },
    imagePullSecrets: pullSecrets.map((name) => ({ name })),
  };
}

/** Reads the annotation; a text that the operator cannot have written lists nothing. */
export function attachedIn(annotation: string | undefined): ReadonlyMap<string, string> {
  const value = annotation === undefined ? undefined : parseJson(annotation);
  const entries = stringMapOf(value);
  // To the letter, as the admission policy reads it: whoever writes it anew has taken the entries over.
  const isOurs = canonicalJson(value) === annotation && entries.size === Object.keys(recordOf(value)).length;
  return isOurs && [...entries.keys()].every((name) => SECRET_NAME.test(name)) ? entries : new Map();
}

/** What was found out about the accounts that one object asks for. */
export interface AttachmentFindings {
  /** False: the operator was started without the right to change ServiceAccounts. */
  readonly isEnabled: boolean;
  /** Whether the Secret is in place anywhere. */
  readonly isAnywhere: boolean;
  /** Accounts asked for that exist, in namespaces where the Secret is in place. */
  readonly wanted: number;
  /** How many of them name the Secret. */
  readonly attached: number;
  /** Accounts asked for by name that do not exist, as `namespace/name`, sorted. */
  readonly missing: readonly string[];
  /** Accounts with too many labels to decide whether the selector matches, as `namespace/name`. */
  readonly undecided: readonly string[];
  /** Accounts that could not be changed, as `namespace/name`, and why. */
  readonly problems: readonly { readonly account: string; readonly message: string }[];
}

/** Of an account that is left alone. */
export const TOO_LARGE = `it names more than ${MAX_ENTRIES} Secrets, or something that is none: the operator leaves it as it is`;

/** Whether an account names so many Secrets that one more would be too many. */
export function isFull({ pullSecrets }: Pick<SeenAccount, 'pullSecrets'>): boolean {
  return pullSecrets.length >= MAX_ENTRIES;
}

/** Of an account that is full. */
export const NO_ROOM = `it names ${MAX_ENTRIES} Secrets already: take one away`;
const TOO_MANY_LABELS = 'with so many labels that the selector is not decided';

const DISABLED =
  'this operator may not change ServiceAccounts: set serviceAccountAttachment.enabled in the values of its chart, or take spec.serviceAccounts away';
/** Room for names in the message. */
const NAMES = 500;

export function judgeAttachment(findings: AttachmentFindings, secretName: string): SideCondition {
  const { isEnabled, isAnywhere, wanted, attached, missing, undecided, problems } = findings;
  const verdict = (status: 'True' | 'False', reason: string, message: string): SideCondition => {
    return { type: CONDITION_ATTACHED, status, reason, message };
  };
  if (!isEnabled) return verdict('False', REASON.attachmentDisabled, DISABLED);
  if (!isAnywhere) return verdict('False', REASON.attaching, `the secret ${secretName} is not in place yet`);
  const done = `${attached} of ${wanted} ServiceAccounts name the secret ${secretName}`;
  const absent =
    (missing.length === 0 ? '' : `; not there yet: ${listNames(missing, ', ', NAMES)}`) +
    (undecided.length === 0 ? '' : `; ${TOO_MANY_LABELS}: ${listNames(undecided, ', ', NAMES)}`);
  if (problems.length > 0) {
    const words = problems.map(({ account, message }) => `${account}: ${message}`);
    return verdict('False', REASON.attachmentFailed, `${done}; ${listNames(words, '; ', 2 * NAMES)}${absent}`);
  }
  if (attached < wanted) return verdict('False', REASON.attaching, `${done}${absent}`);
  if (wanted === 0)
    return verdict('False', REASON.noServiceAccounts, `no ServiceAccount that is asked for exists${absent}`);
  return verdict('True', REASON.attached, `${done}${absent}`);
}
