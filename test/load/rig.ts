// What the load suites share: the built operator with the chart's heap flags, what it holds in memory, and others who are served meanwhile.

import { readFileSync } from 'node:fs';
import { after, before } from 'node:test';
import pLimit from 'p-limit';
import { type AwsStandIn, startAwsStandIn } from '../../src/testing/aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../../src/testing/control-plane/control-plane.ts';
import { installCrds } from '../../src/testing/install-crds.ts';
import { type OperatorProcess, startOperatorProcess } from '../../src/testing/operator-process.ts';
import { adminOf, createTestApi, eventually, type TestApi } from '../../src/testing/test-api.ts';
import { GOOD_KEY, NAMESPACED_PATH, SECRET_PATH } from '../../src/testing/world.ts';
import { createPullSecret } from '../scenario/manifests.ts';

/** The chart's memory limit. */
export const LIMIT_BYTES = 128 * 1024 * 1024;
const LOOK_EVERY_MS = 100;

export interface LoadWorld {
  readonly api: TestApi;
  readonly aws: AwsStandIn;
  readonly plane: ControlPlane;
  /** Does things to many, some at a time. */
  readonly each: <Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>) => Promise<void>;
  /**
   * Runs `work` beside a fresh operator, and measures it.
   *
   * @returns the most bytes that the process owned at a look (`RssAnon`), tens of times a second
   * @throws when the process ended, or owned more than the chart's limit
   */
  readonly during: (work: (operator: OperatorProcess) => Promise<void>) => Promise<number>;
  /** A new object of somebody else has its Secret. */
  readonly serves: (name: string) => Promise<void>;
}

/** To be called inside `describe`. */
export function useLoad(): LoadWorld {
  const limit = pLimit(16);
  let plane: ControlPlane | undefined;
  let api: TestApi | undefined;
  let aws: AwsStandIn | undefined;
  let bystander = '';

  before(async () => {
    plane = await startControlPlane({ prepare: (address) => installCrds(createTestApi(address)) });
    api = adminOf(plane);
    aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
    bystander = await api.createNamespace();
  });
  after(async () => {
    await aws?.stop();
    await plane?.stop();
  });
  const started = <Part>(part: Part | undefined): Part => {
    if (part === undefined) throw new Error('nothing is there before the suite runs');
    return part;
  };

  return {
    get api() {
      return started(api);
    },
    get aws() {
      return started(aws);
    },
    get plane() {
      return started(plane);
    },
    async each(items, work) {
      await Promise.all(items.map((item) => limit(() => work(item))));
    },
    async during(work) {
      const operator = await startOperatorProcess({ plane: started(plane), awsUrl: started(aws).url, access: 'pod' });
      await operator.ready();
      let most = 0;
      const look = (): void => {
        if (operator.code === undefined) most = Math.max(most, ownedBy(operator.pid));
      };
      const timer = setInterval(look, LOOK_EVERY_MS);
      try {
        await work(operator);
      } catch (cause) {
        if (operator.code === undefined) throw cause;
        const words = `the operator ended with code ${operator.code}:\n${operator.output().slice(-2_000)}`;
        throw new Error(words, { cause });
      } finally {
        look();
        clearInterval(timer);
        if (operator.code === undefined) await operator.end('SIGTERM');
      }
      if (most > LIMIT_BYTES) throw new Error(`it owned ${Math.round(most / 1e6)} MB`);
      return most;
    },
    async serves(name) {
      await createPullSecret(started(api), bystander, name, { secretName: name });
      await eventually(async () => {
        const { status } = await started(api).get(SECRET_PATH(bystander, name));
        return status === 200 ? true : undefined;
      });
      await started(api).send('DELETE', NAMESPACED_PATH(bystander, name));
    },
  };
}

/** Memory that belongs to a process and to no file; Linux only. */
function ownedBy(pid: number): number {
  const [, kilobytes] = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes ?? 0) * 1_024;
}

/** Names that AWS's regions could have: patterns take them, nobody serves them but a stand-in. */
export function regionNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `us-${'abcdefgh'[index % 8]}east-${1 + Math.floor(index / 8)}`);
}
