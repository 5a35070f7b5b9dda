// Two processes, of which the one that works is stopped in the middle of its writes, and goes on when the other has
// taken over: it cannot know that it was stopped, and what it had begun to send arrives late.

import assert from 'node:assert/strict';
import { afterEach, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import { watchSecrets } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { CLUSTER_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { ensureBundle } from '../process/bundle.ts';
import { createClusterPullSecret, passwordOf } from '../scenario/manifests.ts';
import { IS_LONG, useLoad } from './rig.ts';

const LEASE_PATH = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-ecr-secrets-operator';
const NAMESPACES = 40;
/** A stop this soon after new logins were asked for is in the middle of the writes of 40 Secrets. */
const WRITES_MS = 120;

// Rules 7, 21
describe('of two processes', () => {
  const load = useLoad();
  const running: OperatorProcess[] = [];
  let namespaces: readonly string[] = [];
  let made = 0;
  before(async () => {
    namespaces = await Promise.all(Array.from({ length: NAMESPACES }, () => load.api.createNamespace()));
  });
  afterEach(async () => {
    for (const process of running.splice(0)) {
      signal(process, 'SIGCONT');
      await process.end('SIGKILL');
    }
    await load.api.send('DELETE', LEASE_PATH);
  });

  const signal = ({ pid, code }: OperatorProcess, name: NodeJS.Signals): void => {
    if (code === undefined) process.kill(pid, name);
  };
  const start = async (flags: NodeJS.ProcessEnv): Promise<OperatorProcess> => {
    const env = { ECR_OPERATOR_LEADER_ELECT: 'true', ...flags };
    const at = { plane: load.plane, awsUrl: load.aws.url, access: 'pod', bundle: ensureBundle(), env } as const;
    const process = await startOperatorProcess(at);
    running.push(process);
    await process.ready();
    return process;
  };
  const leads = async (process: OperatorProcess): Promise<boolean> =>
    (await process.metric('leader_election_master_status')) === 1;
  const untilLeads = async (process: OperatorProcess, within: number): Promise<number> => {
    const begun = performance.now();
    await eventually(async () => ((await leads(process)) ? true : undefined), within);
    return performance.now() - begun;
  };
  /** A login that another operator's Secret of the same name in one of the namespaces must survive. */
  const plantForeign = async (name: string): Promise<string> => {
    const namespace = await load.api.createNamespace();
    await load.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name },
      stringData: { mine: 'yes' },
    });
    return namespace;
  };

  /** Rounds in which the leader is stopped in the middle of its writes, and goes on once the other has done them. */
  const stopAndGo = async (rounds: number, flags: NodeJS.ProcessEnv, takeover: number): Promise<string> => {
    // Nobody collects what the object of another test leaves behind.
    made += 1;
    const name = `many-${made}`;
    let [leader, other] = [await start(flags), await start(flags)];
    await eventually(async () => ((await leads(leader)) || (await leads(other)) ? true : undefined));
    if (await leads(other)) [leader, other] = [other, leader];
    const foreign = await plantForeign(name);
    await createClusterPullSecret(load.api, name, { secretName: name, namespaces: [...namespaces, foreign] });
    const status = async (): Promise<{
      readonly secrets?: { readonly ready: number };
      readonly refreshedAt?: string;
    }> => (await load.api.must('GET', CLUSTER_PATH(name))).status ?? {};
    await eventually(async () => ((await status()).secrets?.ready === NAMESPACES ? true : undefined));
    const { metadata } = await load.api.must('GET', '/api/v1/secrets?limit=1');
    const watch = watchSecrets(load.plane, metadata.resourceVersion);
    let [late, longest] = [0, 0];
    for (let round = 0; round < rounds; round += 1) {
      // Tokens end later from round to round, by whole seconds.
      load.aws.setTokenLife(12 * 3_600_000 + round * 2_000);
      const mark = { [RECONCILE_AT_ANNOTATION]: `round ${round}` };
      await load.api.merge(CLUSTER_PATH(name), { metadata: { annotations: mark } });
      await pause(Math.random() * WRITES_MS);
      signal(leader, 'SIGSTOP');
      longest = Math.max(longest, await untilLeads(other, takeover));
      // It finishes what was begun, or does it all.
      await eventually(async () => {
        const secrets = await Promise.all(namespaces.map((one) => load.api.must('GET', SECRET_PATH(one, name))));
        const ends = new Set(secrets.map((secret) => secret.metadata.annotations.expiry));
        return ends.size === 1 && (await other.metric('controller_runtime_active_workers')) === 0 ? true : undefined;
      });
      const before = watch.events(name).length;
      signal(leader, 'SIGCONT');
      await eventually(async () => ((await leads(leader)) ? undefined : true), takeover);
      await pause(50);
      late += watch.events(name).length - before;
      [leader, other] = [other, leader];
    }
    watch.stop();
    for (const namespace of namespaces) {
      const events = watch.events(name).filter((one) => one.namespace === namespace);
      const ends = events.map(({ expiry }) => expiry ?? '');
      assert.deepEqual(ends, ends.toSorted(), `${namespace} went back to an earlier login`);
      assert.equal(new Set(events.map(({ uid }) => uid)).size <= 1, true, `${namespace} was made anew`);
      assert.ok(
        events.every(({ type }) => type === 'MODIFIED'),
        `${namespace}: ${events.map(({ type }) => type).join()}`,
      );
      const secret = await load.api.must('GET', SECRET_PATH(namespace, name));
      assert.ok(load.aws.isValidToken(passwordOf(secret)), `${namespace} holds no good login`);
    }
    const untouched = await load.api.must('GET', SECRET_PATH(foreign, name));
    assert.deepEqual(untouched.data, { mine: Buffer.from('yes').toString('base64') });
    return `${rounds} rounds, ${late} late writes, takeover after ${Math.round(longest)} ms at most`;
  };

  const QUICK = {
    ECR_OPERATOR_LEADER_ELECT_LEASE_DURATION: '1.5s',
    ECR_OPERATOR_LEADER_ELECT_RENEW_DEADLINE: '1s',
    ECR_OPERATOR_LEADER_ELECT_RETRY_PERIOD: '200ms',
  };

  test('no Secret goes back to an earlier login, and none of others is touched, with a Lease of 1.5 s', async (t) => {
    t.diagnostic(await stopAndGo(IS_LONG ? 200 : 5, QUICK, 10_000));
  });

  test('nor with the usual Lease', { skip: IS_LONG ? false : 'takes 20 s a round' }, async (t) => {
    t.diagnostic(await stopAndGo(5, {}, 25_000));
  });

  test('another works within twenty seconds of a SIGKILL, and within three of a SIGTERM', async (t) => {
    const leader = await start({});
    await untilLeads(leader, 10_000);
    const others = [await start({}), await start({})];
    const oneLeads = async (within: number): Promise<readonly [next: OperatorProcess, took: number]> => {
      const begun = performance.now();
      const next = await eventually(async () => {
        const all = await Promise.all(others.map(async (one) => one.code === undefined && (await leads(one))));
        return others[all.indexOf(true)];
      }, within);
      return [next, performance.now() - begun];
    };
    process.kill(leader.pid, 'SIGKILL');
    const [next, killed] = await oneLeads(20_000);
    others.splice(others.indexOf(next), 1);
    await next.end('SIGTERM');
    const [, ended] = await oneLeads(3_000);
    t.diagnostic(`after ${Math.round(killed)} ms and ${Math.round(ended)} ms`);
  });
});
