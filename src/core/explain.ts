// Why a pod does not get its image: from what is known of it to one cause, and what to do. Pure.

import { DOCKER_CONFIG_TYPE } from '../api/names.ts';
import { type EpochMs, parseRfc3339 } from '../lib/time.ts';
import { isTarget } from './desired.ts';
import { opens } from './docker-keyring.ts';
import type { Case, Writer } from './explain-case.ts';
import { type Explanation, problemIn } from './explain-object.ts';
import { loginIsGood, notCovered, nothingNamed, notSeen, secretEnded, secretMissing } from './explain-secret.ts';
import { ecrHost, isPublicEcr, parseImage } from './image.ts';
import { pullAnswer } from './pull-answer.ts';
import type { FoundSecret, NamedSecret, PullFacts } from './pull-facts.ts';
import { parseWish } from './resource.ts';

/** @returns the first cause, in the order in which a pull would meet them */
export function explainPull(facts: PullFacts, now: EpochMs): Explanation {
  const image = parseImage(facts.waiting.image);
  const writers = facts.objects
    .flatMap((object): readonly Writer[] => {
      const wish = parseWish(object);
      return typeof wish === 'string' ? [] : [{ object, wish, isHere: isTarget(wish.targets, facts.namespace) }];
    })
    .toSorted((one, other) => Number(other.isHere) - Number(one.isHere));
  const all: Case = { facts, image, answer: pullAnswer(facts.waiting.message), writers, now };
  return withoutRegistry(all) ?? otherRegistry(all) ?? withoutLogin(all) ?? bySecrets(all);
}

/** What the kubelet refuses before it asks anybody. */
function withoutRegistry({ facts: { waiting } }: Case): Explanation | undefined {
  if (waiting.reason === 'InvalidImageName')
    return {
      cause: 'InvalidImageName',
      what: 'The name of the image cannot be read.',
      next: 'Correct the image in the pod template',
    };
  if (waiting.reason === 'ErrImageNeverPull')
    return {
      cause: 'ImageNeverPulled',
      what: 'The container has imagePullPolicy Never, and the node does not have the image.',
      next: 'Change imagePullPolicy to IfNotPresent in the pod template',
    };
  return undefined;
}

function otherRegistry({ image: { host }, facts }: Case): Explanation | undefined {
  const isEcr = ecrHost(host) !== undefined || isPublicEcr(host);
  const isKnown = facts.objects.some(({ status }) => status.logins?.some(({ hosts }) => hosts.includes(host)));
  if (isEcr || isKnown) return undefined;
  return {
    cause: 'NotEcr',
    what: `${host} is no registry of ECR by its name, and no object names it in spec.registries.hosts: this operator has no part in the pull.`,
    next: 'Correct the image, or see who provides the login for that registry',
  };
}

/** Answers that no login changes. */
function withoutLogin({ answer, image }: Case): Explanation | undefined {
  if (answer === 'missing')
    return {
      cause: 'ImageNotFound',
      what: `The registry ${image.host} says that there is no such image or tag in ${image.repository}.`,
      next: 'Correct the image in the pod template, or push it',
    };
  if (answer === 'unreachable')
    return {
      cause: 'RegistryUnreachable',
      what: `The node does not reach ${image.host}: no login changes that.`,
      next: "See the node's DNS, routes and proxy; from a node without a way to the internet, ECR needs VPC endpoints (ecr.dkr and S3)",
    };
  if (answer === 'platform')
    return {
      cause: 'WrongPlatform',
      what: `${image.host} has the image, and not for the processor of this node: no login changes that.`,
      next: 'Push the image for that platform too, or select other nodes in the pod template',
    };
  if (answer === 'local')
    return {
      cause: 'NodeFault',
      what: 'The node could not store the image: no login changes that.',
      next: "See the kubelet's words, and the disk of the node",
    };
  if (answer === 'throttled')
    return {
      cause: 'RegistryThrottled',
      what: `${image.host} answers that there are too many requests.`,
      next: 'Wait; the kubelet tries again by itself',
    };
  return undefined;
}

/** What a Secret that the pod names is worth for this image, most telling first. */
const WORTH = ['good', 'ended', 'unseen', 'missing', 'other'] as const;

type Judged =
  | { readonly worth: 'good' | 'ended' | 'other'; readonly name: string; readonly found: FoundSecret }
  | { readonly worth: 'unseen' | 'missing'; readonly name: string };

function bySecrets(all: Case): Explanation {
  const judged = all.facts.secrets.map((secret) => judge(all, secret));
  const [telling] = judged.toSorted((one, other) => WORTH.indexOf(one.worth) - WORTH.indexOf(other.worth));
  switch (telling?.worth) {
    case undefined:
      return nothingNamed(all);
    case 'good':
      return loginIsGood(all, telling.name, telling.found);
    case 'ended':
      return secretEnded(all, telling.name, telling.found);
    case 'unseen':
      return notSeen(all, telling.name);
    case 'missing':
      return secretMissing(all, telling.name);
    case 'other':
      return notCovered(all, telling.name, telling.found);
  }
}

function judge(all: Case, { name, found: seen }: NamedSecret): Judged {
  const found = seen === 'unseen' ? inferred(all, name) : seen;
  if (found === 'unseen' || found === 'missing') return { worth: found, name };
  if (!found.hosts?.some((key) => opens(key, all.image))) return { worth: 'other', name, found };
  const isEnded = found.endsAt === undefined ? all.answer === 'ended' : found.endsAt <= all.now;
  return { worth: isEnded ? 'ended' : 'good', name, found };
}

/** A Secret that the caller may not read, by the status of the object that writes it. */
function inferred({ writers, facts }: Case, name: string): FoundSecret | 'missing' | 'unseen' {
  const writer = writers.find(({ wish, isHere }) => isHere && wish.secretName === name);
  if (!writer) return writers.some(({ wish }) => wish.secretName === name) ? 'missing' : 'unseen';
  const { status, uid } = writer.object;
  // Of a login that is held, a fault says only that the next one is late.
  if (problemIn(status, facts.namespace.name) || !status.logins) return 'missing';
  return {
    type: DOCKER_CONFIG_TYPE,
    hosts: status.logins.flatMap(({ hosts }) => hosts),
    endsAt: parseRfc3339(status.expiresAt),
    since: undefined,
    writerUid: uid,
  };
}
