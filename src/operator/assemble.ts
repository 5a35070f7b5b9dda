// Puts the parts together: what every replica has, and the work of the one that leads.

import { OPERATOR_NAME } from '../api/names.ts';
import { createClient, type KubeClient } from '../kube/client.ts';
import type { Term } from '../kube/lease.ts';
import type { Load } from '../lib/fair-semaphore.ts';
import type { Logger } from '../lib/log.ts';
import type { Metrics } from '../lib/metrics.ts';
import { createPacer } from '../lib/pacer.ts';
import type { Supervisor } from '../lib/supervise.ts';
import type { Clock, Random } from '../lib/time.ts';
import { createHeldLogins, type HeldLogins } from './login/held-logins.ts';
import type { Ports } from './ports.ts';
import { type ClusterState, createClusterView } from './state/cluster-view.ts';
import { createControllerTelemetry } from './telemetry/controller-telemetry.ts';
import { createProbeTelemetry } from './telemetry/probe-telemetry.ts';
import { beginWork, WORKERS, type Work, type WorkParts } from './work.ts';

export interface AssemblyOptions {
  /** Namespace in which the operator looks up the cluster kind's `secretRef`. */
  readonly namespace: string;
  /** Writes of renewed logins a second, more than 0 (docs/design/rules.md, rule 12). */
  readonly renewalsPerSecond: number;
  /** Name of this process in Events. */
  readonly instance: string;
  /** Objects of one namespace that the operator keeps, more than 0 (docs/design/rules.md, rule 14). */
  readonly objectsPerNamespace: number;
  /** The only namespaces that the operator works in, at least one; undefined: the whole cluster. */
  readonly scope: readonly string[] | undefined;
  /** Whether the operator changes ServiceAccounts, which it has the right to do then. */
  readonly attaches: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface Assembly {
  readonly client: KubeClient;
  readonly state: ClusterState;
  readonly heldLogins: HeldLogins;
  /** Works until the term ends; resolves when the work in hand is done. One term at a time. */
  lead(term: Term): Promise<void>;
  /** Requests to AWS, and reads of what objects refer to; none outside of a term. */
  readonly load: Readonly<Record<'logins' | 'references', () => Load>>;
}

const NO_LOAD: Load = { inUse: 0, slow: 0, waiting: 0 };

/** @param tokenAudienceProblem  why no object may use a ServiceAccount in this cluster; undefined: objects may */
export function assemble(
  options: AssemblyOptions,
  ports: Ports,
  supervisor: Supervisor,
  tokenAudienceProblem: string | undefined,
): Assembly {
  const { clock, random, metrics, log, instance, namespace: operatorNamespace, objectsPerNamespace, scope } = options;
  const { attaches } = options;
  const client = createClient(ports.transport, OPERATOR_NAME);
  const state = createClusterView({ operatorNamespace, objectsPerNamespace, scope });
  const pacer = createPacer(clock, random, options.renewalsPerSecond);
  const heldLogins = createHeldLogins({ pacer, clock, isThere: (uid) => state.view.objectByUid(uid) !== undefined });
  const telemetry = createControllerTelemetry(metrics, clock, WORKERS);
  /** Undefined: another replica leads, or none. */
  let work: Work | undefined;
  state.follow({
    enqueue: (key) => work?.enqueue(key),
    onStatus: (key) => work?.onStatus(key),
    onLegacy: (key) => work?.onLegacy(key),
    onGone(uid) {
      heldLogins.forget(uid);
      work?.onGone(uid);
    },
    onCredentials: (key) => work?.onCredentials(key),
    onAccount: (key) => work?.onAccount(key),
    onAttachment: (key) => work?.onAttachment(key),
  });
  const supervise: WorkParts['supervise'] = (name, loop, signal) => supervisor.run(name, loop, signal);
  const tools = { clock, random, log, instance, supervise, attaches };
  const onProbed = createProbeTelemetry(metrics);
  const parts = {
    onProbed,
    ports,
    state,
    heldLogins,
    pacer,
    telemetry,
    operatorNamespace,
    tokenAudienceProblem,
    ...tools,
  };

  return {
    client,
    state,
    heldLogins,
    async lead(term) {
      work = beginWork(parts, term);
      await work.done;
      work = undefined;
    },
    load: { logins: () => work?.load.logins ?? NO_LOAD, references: () => work?.load.references ?? NO_LOAD },
  };
}
