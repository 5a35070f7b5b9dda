// `why`: which pods wait for an image, and why.

import { explainPull } from '../core/explain.ts';
import type { Explanation } from '../core/explain-object.ts';
import { parseImage } from '../core/image.ts';
import { LONGEST_WAIT, waitsStill } from '../core/kubelet-wait.ts';
import type { NamedSecret } from '../core/pull-facts.ts';
import { cut, listNames } from '../core/text.ts';
import { startOf } from '../lib/own-text.ts';
import { formatRfc3339 } from '../lib/time.ts';
import type { Context, PeopleCommand } from './command.ts';
import { createGatherer, type GatheredPull } from './gather.ts';
import { parseSubject, type Subject } from './kinds.ts';
import { createProgress, type Progress } from './progress.ts';
import type { Session } from './session.ts';
import { colored, type Output, plain } from './terminal.ts';
import { usage } from './usage.ts';
import { type Pod, podsOf } from './waiting-pods.ts';

export const whyCommand: PeopleCommand = {
  name: 'why',
  usage: '[POD | TYPE/NAME]',
  summary: 'say why a pod does not get its image, and what to do',
  description:
    'Says why pods wait for their image: which pull secrets they name, whether those open the registry and are good, which object should write them, and what to do. Without a name: all pods of the namespace that wait.',
  argument: ['[subject...]', 'a pod, or what makes pods: deployment/api, job/nightly'],
  about: { op: 'names', of: 'pods' },
  act: why,
};

async function why({ session: connect, format, out, err, print }: Context, words: readonly string[]): Promise<number> {
  const subject = parseSubject(words);
  if (typeof subject === 'string') throw usage(subject);
  const session = await connect();
  const progress = createProgress(err);
  const answers = await askWhy(session, subject, progress).finally(() => progress.end());
  const where = session.namespace === undefined ? 'in any namespace' : `in namespace ${session.namespace}`;
  const none =
    subject.op === 'workload'
      ? `${words.join('/')} has no pods ${where}: kubectl describe says why`
      : `no pod waits for an image ${where}`;
  if (format === 'table') return printAnswers(answers, out, none);
  await print(answers);
  return answers.answers.length > 0 ? 1 : 0;
}

/** Pods with the same cause for the same image. */
interface Answer {
  readonly namespace: string;
  /** Names; the first of them was looked at whole. */
  readonly pods: readonly string[];
  readonly container: string;
  readonly image: string;
  readonly host: string;
  readonly reason: string;
  /** The kubelet's own words, with the registry's answer; empty when it wrote none. */
  readonly kubelet: string;
  readonly cause: string;
  readonly what: string;
  readonly next: string;
  readonly secrets: readonly { readonly name: string; readonly state: string }[];
  /** About how long until the kubelet tries again; null when no Event says when it last tried. */
  readonly secondsToNextPull: number | null;
}

interface Answers {
  readonly answers: readonly Answer[];
  /** Pods of the subject that wait for no image. */
  readonly others: readonly { readonly pod: string; readonly state: string }[];
  /** Images that are waited for beyond those explained. */
  readonly left: number;
}

/** Images that are explained: each costs some requests. */
const MOST_IMAGES = 200;
const LONGEST_WORDS = 600;
const LONGEST_LIST = 400;

/** @throws Failure when the subject cannot be read */
async function askWhy(session: Session, subject: Subject, progress: Progress): Promise<Answers> {
  const pods = await podsOf(session, subject);
  const waiting = pods.flatMap((pod) => pod.waiting.map((image) => ({ pod, image })));
  const gather = createGatherer(session);
  const answers = new Map<string, Answer>();
  const asked = waiting.slice(0, MOST_IMAGES);
  for (const [at, { pod, image }] of asked.entries()) {
    progress.at(at, asked.length, `pod ${pod.name}`);
    const answer = answerOf(pod, await gather(pod, image), session);
    const key = [answer.namespace, answer.container, answer.image, answer.cause, withoutPod(answer, pod.name)].join(
      '\n',
    );
    const same = answers.get(key);
    answers.set(key, same ? { ...same, pods: [...same.pods, pod.name] } : answer);
  }
  const others = pods.filter((pod) => pod.waiting.length === 0);
  return {
    answers: [...answers.values()],
    others: others.map(({ name, state }) => ({ pod: name, state: plain(state) })),
    left: Math.max(0, waiting.length - MOST_IMAGES),
  };
}

/** Explanations of pods of one workload differ in the pod's name only. */
function withoutPod({ what, next }: Explanation, pod: string): string {
  return `${what}\n${next}`.replaceAll(pod, '');
}

function answerOf(pod: Pod, { facts, pulls }: GatheredPull, { clock }: Session): Answer {
  const now = clock.now();
  const { cause, what, next } = explainPull(facts, now);
  const { container, image, reason, message } = facts.waiting;
  return {
    namespace: pod.namespace,
    pods: [pod.name],
    container,
    image: plain(image),
    host: plain(parseImage(image).host),
    reason,
    // Masked before it is cut: half a token has no shape to know it by.
    kubelet: cut(plain(startOf(message)), LONGEST_WORDS),
    cause,
    what: plain(what),
    next: plain(next),
    secrets: facts.secrets.map((secret) => ({ name: secret.name, state: plain(stateOf(secret)) })),
    secondsToNextPull: pulls ? Math.ceil(waitsStill(pulls, now) / 1_000) : null,
  };
}

function stateOf({ found }: NamedSecret): string {
  if (found === 'missing') return 'does not exist';
  if (found === 'unseen') return 'you may not read it';
  const hosts = found.hosts
    ? `opens ${listNames(found.hosts, ', ', LONGEST_LIST) || 'no host'}`
    : `is no docker config (type ${found.type})`;
  return found.endsAt === undefined ? hosts : `${hosts}; its login ends at ${formatRfc3339(found.endsAt)}`;
}

/** @returns 0 when nothing waits, else 1 */
function printAnswers({ answers, others, left }: Answers, output: Output, none: string): number {
  if (answers.length > 0) output.write(answers.map((answer) => words(answer, output)).join('\n'));
  if (left > 0) output.write(`${left} more images are waited for: name one pod, or one workload\n`);
  if (answers.length > 0) return 1;
  if (others.length === 0) output.write(`${none}\n`);
  for (const { pod, state } of others) output.write(`pod ${pod} waits for no image: ${state}\n`);
  return 0;
}

function words(answer: Answer, output: Output): string {
  const { namespace, pods, container, image, reason, kubelet, cause, what, next, secrets } = answer;
  const [first = '', ...rest] = pods;
  const who = rest.length === 0 ? `Pod ${namespace}/${first}` : `Pod ${namespace}/${first} and ${rest.length} more`;
  const line = (title: string, text: string): string => `  ${colored(output, 'dim', title.padEnd(9))} ${text}`;
  const named = secrets.map(({ name, state }) => line('secret', `${name}: ${state}`));
  return [
    `${colored(output, 'bold', who)} (container ${container}) waits for ${image}`,
    `  ${colored(output, 'red', `✖ ${cause}`)}: ${what}`,
    ...named,
    ...(kubelet === '' ? [] : [line('kubelet', shortened(`${reason}: ${kubelet}`))]),
    line('retry', retryWords(answer)),
    `  ${colored(output, 'green', '→')} ${next}.`,
    '',
  ].join('\n');
}

/** What the kubelet and containerd put before the registry's answer, each with the image again. */
const BEFORE =
  /(?:Back-off pulling image|failed to pull and unpack image|failed to resolve reference) "[^"]*": |ErrImagePull: /g;

function shortened(kubelet: string): string {
  return kubelet.replaceAll(BEFORE, '');
}

/** An estimate: a kubelet's clock is its own, and a new Secret does not end its wait. */
function retryWords({ secondsToNextPull: wait }: Answer): string {
  if (wait === null) return `the kubelet tries again within ${LONGEST_WAIT / 1_000} s`;
  return wait === 0 ? 'the kubelet tries again any moment' : `the kubelet tries again in about ${wait} s`;
}
