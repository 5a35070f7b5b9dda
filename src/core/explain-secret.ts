// Why the Secrets that a pod names, or that it names none, keep it from its image. Pure.

import { formatRfc3339 } from '../lib/time.ts';
import { type Case, nameOf, prefixed } from './explain-case.ts';
import { type Explanation, faultOf, kubectlName } from './explain-object.ts';
import { noObject, notSelected, withFault } from './explain-writer.ts';
import { ecrHost, isPublicEcr } from './image.ts';
import { LONGEST_WAIT } from './kubelet-wait.ts';
import type { FoundSecret, PullFacts } from './pull-facts.ts';
import type { PullSecretObject } from './resource.ts';
import { listNames } from './text.ts';

/** Characters of a list of hosts. */
const LONGEST_LIST = 400;

export function loginIsGood(
  { facts, image, answer, now }: Case,
  name: string,
  { endsAt, since }: FoundSecret,
): Explanation {
  const until = endsAt === undefined ? '' : ` until ${formatRfc3339(endsAt)}`;
  const isSeen = facts.secrets.some((secret) => secret.name === name && secret.found !== 'unseen');
  const holds = `${isSeen ? '' : 'By the status of its object, '}Secret ${name} holds a login to ${image.host} that is good${until}`;
  // Without an Event it asked within the longest wait.
  const askedAt = facts.askedAt ?? now - LONGEST_WAIT;
  const isNewer = since !== undefined && since > askedAt;
  if (answer === 'refused' && !isNewer) {
    const { account = 'of that registry' } = ecrHost(image.host) ?? {};
    return {
      cause: 'PullRefused',
      what: `${holds}, but the registry refuses the pull: the AWS identity may log in, and not pull.`,
      next: `Give it ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on ${image.repository}; in another account (${account}), the repository's policy has to allow them too`,
    };
  }
  return {
    cause: 'WaitsForKubelet',
    what: `${holds}; the kubelet has not tried with it yet.`,
    next: `Wait, or ${madeAnew(facts)}`,
  };
}

function madeAnew({ pod, namespace }: PullFacts): string {
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
    next: `Create an object with secretName ${name}, and offer it the Secret with the annotation aws.zakariaamine.com/adopt (docs/status.md)`,
  };
}

export function secretMissing(all: Case, name: string): Explanation {
  const { facts, writers } = all;
  const missing = `The pod names Secret ${name}, which does not exist in namespace ${facts.namespace.name}.`;
  const writer = writers.find(({ wish }) => wish.secretName === name);
  if (writer?.isHere) return withFault(all, writer.object, missing);
  if (writer) return prefixed(missing, notSelected(all, writer));
  const other = writers.find(({ isHere }) => isHere);
  if (other)
    return {
      cause: 'OtherSecretName',
      what: `${missing} ${nameOf(other.object)} writes Secret ${other.wish.secretName} there.`,
      next: `Name ${other.wish.secretName} in the pod template`,
    };
  return prefixed(missing, noObject(all, name));
}

export function nothingNamed(all: Case): Explanation {
  const { facts, writers } = all;
  const { name: account, secrets } = facts.account;
  const none = `The pod names no pull secret, and ServiceAccount ${account} named none when the pod was made.`;
  const [first] = typeof secrets === 'string' ? [] : secrets;
  if (first !== undefined)
    return {
      cause: 'PodIsOlder',
      what: `${none} The account names ${first} now.`,
      next: `A pod keeps what it named: ${madeAnew(facts)}`,
    };
  const [writer] = writers;
  if (!writer) return prefixed(none, noObject(all, 'ecr-login'));
  if (!writer.isHere) return prefixed(none, notSelected(all, writer));
  const { secretName } = writer.wish;
  // The patch replaces the list: it is for an account that is known to have none.
  const forAll = `, or for all pods of the account: kubectl patch serviceaccount ${account} -n ${facts.namespace.name} -p '{"imagePullSecrets":[{"name":"${secretName}"}]}'`;
  return {
    cause: 'NoSecretNamed',
    what: `${none} ${nameOf(writer.object)} writes Secret ${secretName} there.`,
    next: `Name it in the pod template (imagePullSecrets)${typeof secrets === 'string' ? '' : forAll}; a pod keeps what it named, so have it made anew`,
  };
}

export function notCovered(all: Case, name: string, found: FoundSecret): Explanation {
  const { host } = all.image;
  const { type, hosts } = found;
  const writer = writerOf(all, name, found);
  const fault = writer && faultOf(writer, all.facts.namespace.name);
  if (fault) return prefixed(`Secret ${name} does not open ${host}.`, fault);
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
