// Why the Secrets that a pod names, or that it names none, keep it from its image. Pure.

import { CONDITION_PULLABLE, PUBLIC_REGISTRY } from '../api/names.ts';
import { formatRfc3339 } from '../lib/time.ts';
import { opens } from './docker-keyring.ts';
import { notAttached } from './explain-account.ts';
import { type Case, nameOf, prefixed, type Writer } from './explain-case.ts';
import { type Explanation, faultOf, kubectlName } from './explain-object.ts';
import { noObject, notSelected, withFault } from './explain-writer.ts';
import { ecrHost, type ImageName, isPublicEcr } from './image.ts';
import { LONGEST_WAIT } from './kubelet-wait.ts';
import type { FoundSecret, PullFacts } from './pull-facts.ts';
import type { PullSecretObject } from './resource.ts';
import { listNames } from './text.ts';

/** Characters of a list of hosts. */
const LONGEST_LIST = 400;

/** What is said of a login that opens the image, by what the registry answered. */
export function loginIsGood(all: Case, name: string, found: FoundSecret): Explanation {
  const { facts, image, answer, now } = all;
  const { endsAt, since } = found;
  const isSeen = facts.secrets.some((secret) => secret.name === name && secret.found !== 'unseen');
  const end =
    endsAt === undefined ? '; it does not say when that ends' : ` that is good until ${formatRfc3339(endsAt)}`;
  const holds = `${isSeen ? '' : 'By the status of its object, '}Secret ${name} holds a login to ${image.host}${end}`;
  // Without an Event it asked within the longest wait.
  const askedAt = facts.askedAt ?? now - LONGEST_WAIT;
  const isNewer = since !== undefined && since > askedAt;
  if (isNewer || facts.waiting.message === '')
    return {
      cause: 'WaitsForKubelet',
      what: `${holds}; the kubelet has not tried with it yet.`,
      next: `Wait, or ${madeAnew(facts)}`,
    };
  if (answer === 'refused') return refused(holds, image, endsAt === undefined, writerOf(all, name, found));
  if (answer === 'anonymous' || answer === 'ended')
    return {
      cause: 'LoginNotUsed',
      what: `${holds}, but the kubelet asked with ${answer === 'ended' ? 'one that has ended' : 'none'}.`,
      next: 'See whether the node pulls by a mirror, or has logins of its own (its credential provider); else look again in five minutes',
    };
  return {
    cause: 'OtherFailure',
    what: `${holds}: what the kubelet reports is about something else.`,
    next: `See its words: kubectl describe pod ${facts.pod} -n ${facts.namespace.name}`,
  };
}

function refused(
  holds: string,
  { host, repository }: ImageName,
  isEndUnknown: boolean,
  writer: PullSecretObject | undefined,
): Explanation {
  const { account = 'of that registry' } = ecrHost(host) ?? {};
  const either = isEndUnknown
    ? 'it has ended, or the AWS identity may not pull'
    : 'the AWS identity may log in, and not pull';
  const first = isEndUnknown ? 'Renew the login; if that does not help, give' : 'Give';
  return {
    cause: 'PullRefused',
    what: `${holds}, but the registry refuses the pull: ${either}.${probed(writer)}`,
    next: `${first} the identity ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on ${repository}; in another account (${account}), the repository's policy has to allow them too`,
  };
}

/** What the registry told the operator itself, where the object has it asked. */
function probed(writer: PullSecretObject | undefined): string {
  const pullable = writer?.status.conditions?.find(({ type }) => type === CONDITION_PULLABLE);
  if (!writer || !pullable) return '';
  const { status, reason, message } = pullable;
  return ` ${nameOf(writer)} has asked as well, and reports Pullable ${status}, ${reason}: ${message}`;
}

function madeAnew({ pod, namespace, isReplaceable }: PullFacts): string {
  if (!isReplaceable)
    return 'make the pod anew yourself, when nothing of it is needed: no controller would, or a part of it runs';
  return `delete it, and its controller makes it anew: kubectl delete pod ${pod} -n ${namespace.name}`;
}

/** The object that owns a Secret, else the one that wants a Secret of this name here. */
function writerOf({ facts, writers }: Case, name: string, { writerUid }: FoundSecret): PullSecretObject | undefined {
  const owner = facts.objects.find(({ uid }) => uid === writerUid);
  return owner ?? writers.find(({ wish, isHere }) => isHere && wish.secretName === name)?.object;
}

export function secretEnded(all: Case, name: string, found: FoundSecret): Explanation {
  const { endsAt } = found;
  const ended = `Secret ${name} holds a login that ${endsAt === undefined ? 'has ended' : `ended at ${formatRfc3339(endsAt)}`}`;
  const writer = writerOf(all, name, found);
  if (writer) return withFault(all, writer, `${ended}.`);
  return {
    cause: 'SecretEnded',
    what: `${ended}, and no object renews it.`,
    next: `Create an object with another secretName, and name that in the pod template; or hand this Secret over, by its label and its annotation (docs/from-other-tools.md)`,
  };
}

/** An object that writes a Secret here, of those that open the image if there is one. */
function writerHere({ writers, image }: Case): Writer | undefined {
  const here = writers.filter(({ isHere }) => isHere);
  return here.find((writer) => opensImage(writer, image)) ?? here[0];
}

/** By the hosts of its logins; before the first one, by its regions. */
function opensImage({ object, wish }: Writer, image: ImageName): boolean {
  const { logins = [] } = object.status;
  if (logins.length > 0) return logins.some(({ hosts }) => hosts.some((key) => opens(key, image)));
  const region = isPublicEcr(image.host) ? PUBLIC_REGISTRY : ecrHost(image.host)?.region;
  return wish.registries.some(({ registry }) => registry === region);
}

export function secretMissing(all: Case, name: string): Explanation {
  const { facts, writers } = all;
  const isUnseen = facts.secrets.some((secret) => secret.name === name && secret.found === 'unseen');
  const missing = isUnseen
    ? `The pod names Secret ${name}, which you may not read.`
    : `The pod names Secret ${name}, which does not exist in namespace ${facts.namespace.name}.`;
  const writer = writers.find(({ wish }) => wish.secretName === name);
  if (writer?.isHere) return withFault(all, writer.object, missing);
  if (writer) return prefixed(missing, notSelected(all, writer));
  const other = writerHere(all);
  return other ? otherName(other, missing) : prefixed(missing, noObject(all, name));
}

function otherName({ object, wish }: Writer, before: string): Explanation {
  return {
    cause: 'OtherSecretName',
    what: `${before} ${nameOf(object)} writes Secret ${wish.secretName} there.`,
    next: `Name ${wish.secretName} in the pod template, beside what the pod names and still needs`,
  };
}

/** An object that opens the image and whose Secret the account names by now, or is to name. */
function askedFor({ facts, writers, image }: Case): Writer | undefined {
  const { name, secrets } = facts.account;
  const here = writers.filter((one) => one.isHere && opensImage(one, image));
  const isNamed = ({ wish }: Writer): boolean => typeof secrets !== 'string' && secrets.includes(wish.secretName);
  return here.find(isNamed) ?? here.find((one) => notAttached(one, name, '') !== undefined);
}

export function nothingNamed(all: Case): Explanation {
  const { facts, writers } = all;
  const { name: account, secrets } = facts.account;
  const none = `The pod names no pull secret, and ServiceAccount ${account} named none when the pod was made.`;
  const [writer] = writers;
  const here = askedFor(all) ?? writerHere(all);
  if (!writer) return prefixed(none, noObject(all, 'ecr-login'));
  if (!here) return prefixed(none, notSelected(all, writer));
  const { secretName } = here.wish;
  const ofAccount = typeof secrets === 'string' ? undefined : secrets;
  if (ofAccount?.includes(secretName))
    return {
      cause: 'PodIsOlder',
      what: `${none} The account names ${secretName} now.`,
      next: `A pod keeps what it named: ${madeAnew(facts)}`,
    };
  const waits = notAttached(here, account, none);
  if (waits) return waits;
  // The patch replaces the list: it is for an account that is known to have none.
  const forAll = `, or for all pods of the account: kubectl patch serviceaccount ${account} -n ${facts.namespace.name} -p '{"imagePullSecrets":[{"name":"${secretName}"}]}'`;
  return {
    cause: 'NoSecretNamed',
    what: `${none} ${nameOf(here.object)} writes Secret ${secretName} there.`,
    next: `Name it in the pod template (imagePullSecrets)${ofAccount?.length === 0 ? forAll : ''}, or have the operator do that (spec.serviceAccounts of the object, and serviceAccountAttachment.enabled in the chart); a pod keeps what it named, so have it made anew`,
  };
}

export function notCovered(all: Case, name: string, found: FoundSecret): Explanation {
  const { host } = all.image;
  const { type, hosts } = found;
  const writer = writerOf(all, name, found);
  const fault = writer && faultOf(writer, all.facts.namespace.name);
  if (fault) return prefixed(`Secret ${name} does not open ${host}.`, fault);
  const other = writerHere(all);
  if (other && other.object !== writer && opensImage(other, all.image))
    return otherName(other, `Secret ${name} does not open ${host}.`);
  if (hosts === undefined)
    return {
      cause: 'NoPullSecret',
      what: `Secret ${name} has type ${type} and no docker config that could be read: the kubelet takes no login from it.`,
      next: `Name another Secret in the pod template`,
    };
  const what = `Secret ${name} opens ${listNames(hosts, ', ', LONGEST_LIST) || 'no host'}, and not ${host}.`;
  const add = registryFor(host, writer);
  const next = writer
    ? `Add ${add} to spec.registries of ${nameOf(writer)}: kubectl edit ${kubectlName(writer)}`
    : `Create an object whose spec.registries has ${add}, and name its Secret in the pod template`;
  return { cause: 'HostNotCovered', what, next };
}

/** What opens the host, in the words of `spec.registries`; of an object that has the region already, without that. */
function registryFor(host: string, writer: PullSecretObject | undefined): string {
  if (isPublicEcr(host)) return 'public: true';
  const ecr = ecrHost(host);
  if (!ecr) return `host ${host}`;
  const hasRegion = writer?.status.logins?.some(({ registry }) => registry === ecr.region);
  return hasRegion
    ? `account ${ecr.account}`
    : `region ${ecr.region} (and account ${ecr.account}, if it is another one)`;
}

export function notSeen({ facts: { namespace } }: Case, name: string): Explanation {
  return {
    cause: 'NotSeen',
    what: `You may not read Secrets in namespace ${namespace.name}, and no object that you may see writes ${name}: whether it is there and good is not known.`,
    next: `Ask somebody who may read Secrets there: kubectl auth can-i get secrets -n ${namespace.name}`,
  };
}
