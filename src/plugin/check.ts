// `check`: is the operator installed as it should be, and can the caller create its objects?

import { RESOURCES } from '../api/kinds.ts';
import { API_VERSION, CLUSTER_KIND, DEFAULT_NAMESPACE, NAMESPACED_KIND, type PullSecretKind } from '../api/names.ts';
import { crdsFinding } from '../checks/crds-finding.ts';
import { failureWords } from '../checks/failure-words.ts';
import { type Finding, unseen, well, wrong } from '../checks/finding.ts';
import { deploymentFinding, findInstalled, policiesFinding, webhookFinding } from '../checks/installation.ts';
import { leaderFinding } from '../checks/leader-finding.ts';
import { isForbidden } from '../kube/api-error.ts';
import { apiPath } from '../kube/path.ts';
import { failureFrom } from '../lib/errors.ts';
import { recordOf, stringOf } from '../lib/json.ts';
import { seconds, sleep } from '../lib/time.ts';
import { type Context, type Given, type PeopleCommand, secondsIn } from './command.ts';
import type { Session } from './session.ts';
import { colored, type Output, plain } from './terminal.ts';
import { usage } from './usage.ts';

export const checkCommand: PeopleCommand = {
  name: 'check',
  usage: '',
  summary: 'check the installation, and say how to mend what is wrong',
  description:
    'Checks the API server, the CRDs, the Deployment and its leader, the webhook and its authority, the admission policies, and, by a dry run, whether you may create objects here. What you may not see is said, and is not wrong.',
  argument: ['[none]', 'takes none'],
  options: [['--wait <seconds>', 'look again until all is well, at most so long', '0']],
  act: check,
};

const LOOK_EVERY = seconds(2);

async function check(context: Context, words: readonly string[], given: Given): Promise<number> {
  if (words.length > 0) throw usage('check takes no name');
  const wait = secondsIn(given, 'wait', 0);
  const session = await context.session();
  const begun = session.clock.monotonic();
  for (;;) {
    const findings = await look(session).catch((thrown: unknown) => [wrong(plain(failureWords(thrown, undefined)))]);
    const isWell = findings.every((finding) => finding.isWell);
    const isOver = session.clock.monotonic() - begun >= wait;
    if (isWell || isOver) {
      if (context.format === 'table') printFindings(findings, context.out);
      else await context.print({ findings });
      return isWell ? 0 : 1;
    }
    await sleep(session.clock, LOOK_EVERY, session.signal);
  }
}

async function look(session: Session): Promise<readonly Finding[]> {
  const { client, transport, clock, signal, version } = session;
  const answer = await transport.send({ method: 'GET', path: '/version' }, signal);
  const served = answer.ok ? stringOf(recordOf(answer.json)['gitVersion']) : undefined;
  const findings: Finding[] = [
    well(`the API server is reached; it is Kubernetes ${served ?? 'of an unknown version'}`),
  ];
  const add = async (make: () => Promise<Finding>): Promise<void> => void findings.push(await orWrong(make));
  const seen: { installed?: Awaited<ReturnType<typeof findInstalled>> } = {};
  await add(() => crdsFinding(transport, version, signal));
  await add(async () => {
    seen.installed = await findInstalled(client, signal);
    return deploymentFinding(seen.installed);
  });
  if (typeof seen.installed === 'object' && seen.installed.lease !== undefined) {
    const { namespace, lease } = seen.installed;
    await add(() => leaderFinding(client, { namespace, lease, isExpected: true }, clock, signal));
  }
  await add(() => webhookFinding(client, clock.now(), signal));
  await add(() => policiesFinding(client, signal));
  for (const kind of [NAMESPACED_KIND, CLUSTER_KIND] as const) await add(() => creationFinding(session, kind));
  return findings.map((finding) => ({ ...finding, text: plain(finding.text) }));
}

/** One part that cannot be read is no reason to leave out the others. */
async function orWrong(make: () => Promise<Finding>): Promise<Finding> {
  try {
    return await make();
  } catch (thrown) {
    return wrong(failureFrom(thrown).message);
  }
}

/** A dry run: the API server and the webhook look at the object, nobody asks AWS, nothing is stored. */
async function creationFinding({ transport, signal, ...session }: Session, kind: PullSecretKind): Promise<Finding> {
  const isCluster = kind === CLUSTER_KIND;
  const namespace = isCluster ? undefined : (session.namespace ?? 'default');
  const where = isCluster ? '' : ` in namespace ${namespace}`;
  const one = `${isCluster ? 'a' : 'an'} ${kind}`;
  const spec = {
    awsAccess: { region: 'us-east-1', secretRef: { name: 'ecr-secrets-check' } },
    secretName: 'ecr-secrets-check',
    ...(isCluster ? { namespaces: [DEFAULT_NAMESPACE] } : {}),
  };
  const body = { apiVersion: API_VERSION, kind, metadata: { generateName: 'ecr-secrets-check-' }, spec };
  try {
    await transport.send(
      { method: 'POST', path: apiPath(RESOURCES[kind], { namespace }), query: { dryRun: 'All' }, body },
      signal,
    );
    return well(`you may create ${one}${where}`);
  } catch (thrown) {
    if (isForbidden(thrown)) return unseen(`you may not create ${one}${where}`);
    return wrong(`${one} cannot be created${where}: ${failureFrom(thrown).message}`);
  }
}

function printFindings(findings: readonly Finding[], out: Output): void {
  for (const { isWell, isUnseen, text } of findings) {
    const mark = isUnseen ? colored(out, 'dim', '–') : isWell ? colored(out, 'green', '✔') : colored(out, 'red', '✖');
    out.write(`${mark} ${text}\n`);
  }
}
