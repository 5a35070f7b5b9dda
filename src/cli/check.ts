// The command `check`: does the API server answer with this access, do its CRDs fit this version, and does a replica
// lead? Changes nothing.

import { DEFAULT_NAMESPACE, OPERATOR_NAME } from '../api/names.ts';
import { crdsFinding } from '../checks/crds-finding.ts';
import { failureWords, masked } from '../checks/failure-words.ts';
import { type Finding, well, wrong } from '../checks/finding.ts';
import { leaderFinding } from '../checks/leader-finding.ts';
import { rightsFinding } from '../checks/rights-finding.ts';
import { createClient } from '../kube/client.ts';
import { createTransport } from '../kube/transport.ts';
import { recordOf, stringOf } from '../lib/json.ts';
import { systemClock } from '../lib/time.ts';
import { accessOf, isInPod } from './access.ts';
import { parseCheckConfig } from './config.ts';
import { PROGRAM_VERSION } from './version.ts';

/** @returns the exit code: 0 when all is well, 1 when something is not, 2 for wrong flags */
export async function check(args: readonly string[]): Promise<number> {
  const parsed = parseCheckConfig(args, process.env);
  if (!parsed.ok) {
    for (const mistake of parsed.mistakes) process.stderr.write(`${OPERATOR_NAME} check: ${mistake}\n`);
    return 2;
  }
  let isWell = true;
  const tell = (finding: Finding): void => {
    isWell &&= finding.isWell;
    process.stdout.write(`${finding.isWell ? '✔' : '✖'} ${masked(finding.text).replaceAll(/\p{Cc}+/gu, ' ')}\n`);
  };
  let server: string | undefined;
  try {
    const access = await accessOf(parsed.config);
    server = access.url.origin;
    const transport = createTransport({ access, clock: systemClock, userAgent: `${OPERATOR_NAME}/${PROGRAM_VERSION}` });
    const { signal } = new AbortController();
    const answer = await transport.send({ method: 'GET', path: '/version' }, signal);
    const version = answer.ok ? stringOf(recordOf(answer.json)['gitVersion']) : undefined;
    tell(
      well(`the API server at ${access.url.origin} is reached; it is Kubernetes ${version ?? 'of an unknown version'}`),
    );
    tell(await crdsFinding(transport, PROGRAM_VERSION, signal));
    const { namespace = access.namespace ?? DEFAULT_NAMESPACE, lease, isLeaseExpected: isExpected } = parsed.config;
    const sought = { namespace, lease, isExpected };
    tell(await leaderFinding(createClient(transport, OPERATOR_NAME), sought, systemClock, signal));
    if (isInPod(parsed.config)) tell(await rightsFinding(transport, parsed.config, signal));
    transport.close();
  } catch (thrown) {
    tell(wrong(failureWords(thrown, server)));
  }
  return isWell ? 0 : 1;
}
