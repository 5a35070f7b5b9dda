// What the load suites share: the built operator with the chart's heap flags, what it holds in memory, and others who
// are served meanwhile.

import { readFileSync } from 'node:fs';
import { after, afterEach, before } from 'node:test';
import pLimit from 'p-limit';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, createTestApi, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { conditionOf, GOOD_KEY, NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { ensureBundle } from '../process/bundle.ts';
import { createPullSecret } from '../scenario/manifests.ts';

/** The whole of each flood; without, what fits into three minutes with all the others. */
export const IS_LONG = process.env['LOAD'] === 'long';
/** The chart's memory limit. */
export const LIMIT_BYTES = 128 * 1024 * 1024;
const LOOK_EVERY_MS = 100;
/** Within this time others are served, whatever is sent; on a busy machine it may be some seconds. */
const SERVED_MS = IS_LONG ? 120_000 : 20_000;
/** Longer than any flood takes. */
const FLOOD_MS = IS_LONG ? 300_000 : 60_000;

export interface LoadWorld {
  readonly api: TestApi;
  readonly aws: AwsStandIn;
  readonly plane: ControlPlane;
  /** Does things to many, some at a time. */
  readonly each: <Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>) => Promise<void>;
  /**
   * Runs `work` beside a fresh operator, and measures it.
   *
   * @param env  more of its environment
   * @returns the most bytes that the process owned at a look (`RssAnon`), ten times a second
   * @throws when the process ended, or owned more than the chart's limit
   */
  readonly during: (work: (operator: OperatorProcess) => Promise<void>, env?: NodeJS.ProcessEnv) => Promise<number>;
  /** A new object of somebody else, whose keys are in a Secret of his, has its pull Secret. */
  readonly serves: () => Promise<void>;
  /** Others are served, one after the other, until the flood is over. @returns how many they were */
  readonly servesUntil: (isOver: () => boolean | Promise<boolean>) => Promise<number>;
  /** Waits for the condition Ready of an object to have this reason. @returns its message */
  readonly isToldOf: (path: string, reason: string) => Promise<string>;
  /** A new namespace, which is emptied after the test. */
  readonly createNamespace: () => Promise<string>;
}

/** To be called inside `describe`. */
export function useLoad(): LoadWorld {
  const limit = pLimit(16);
  let plane: ControlPlane | undefined;
  let api: TestApi | undefined;
  let aws: AwsStandIn | undefined;
  let bystander = '';
  let served = 0;
  const used: string[] = [];
  let longest = 0;

  before(async () => {
    plane = await startControlPlane({ prepare: (address) => installCrds(createTestApi(address)) });
    api = adminOf(plane);
    aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
    bystander = await api.createNamespace();
    await api.must('POST', SECRET_PATH(bystander), {
      metadata: { name: 'keys' },
      stringData: { AWS_ACCESS_KEY_ID: GOOD_KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: GOOD_KEY.secretAccessKey },
    });
  });
  afterEach(async (t) => {
    if ('diagnostic' in t) t.diagnostic(`others waited ${Math.round(longest)} ms at most`);
    longest = 0;
    aws?.faults.clear();
    aws?.clearLog();
    for (const namespace of used.splice(0)) await clear(namespace);
  });
  after(async () => {
    await aws?.stop();
    await plane?.stop();
  });
  const started = <Part>(part: Part | undefined): Part => {
    if (part === undefined) throw new Error('nothing is there before the suite runs');
    return part;
  };

  const each: LoadWorld['each'] = async (items, work) => {
    await Promise.all(items.map((item) => limit(() => work(item))));
  };
  /** Of objects of our kind, and of Secrets; those in parts: all at once would be hundreds of megabytes. */
  const clear = async (namespace: string): Promise<void> => {
    await started(api).must('DELETE', NAMESPACED_PATH(namespace));
    for (;;) {
      const { items } = await started(api).must('GET', `${SECRET_PATH(namespace)}?limit=50`);
      if (items.length === 0) return;
      await each(items as { metadata: { name: string } }[], ({ metadata }) =>
        started(api).send('DELETE', SECRET_PATH(namespace, metadata.name)),
      );
    }
  };
  const serves = async (): Promise<void> => {
    const name = `other-${(served += 1)}`;
    const begun = performance.now();
    await createPullSecret(started(api), bystander, name, {
      secretName: name,
      awsAccess: { region: 'eu-west-1', secretRef: { name: 'keys' } },
    });
    await eventually(async () => {
      const { status } = await started(api).get(SECRET_PATH(bystander, name));
      return status === 200 ? true : undefined;
    }, SERVED_MS);
    longest = Math.max(longest, performance.now() - begun);
    await started(api).send('DELETE', NAMESPACED_PATH(bystander, name));
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
    each,
    async during(work, env = {}) {
      const bundle = ensureBundle();
      const at = { plane: started(plane), awsUrl: started(aws).url };
      const operator = await startOperatorProcess({ ...at, access: 'pod', bundle, env });
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
    serves,
    async servesUntil(isOver) {
      const [before, end] = [served, performance.now() + FLOOD_MS];
      do {
        await serves();
        if (performance.now() > end) throw new Error('the flood did not come to its end');
      } while (!(await isOver()));
      return served - before;
    },
    isToldOf: (path, reason) =>
      eventually(async () => {
        const { body } = await started(api).get(path);
        const ready = conditionOf(body.status ?? {}, 'Ready');
        if (ready?.reason !== reason) throw new Error(`${path}: ${JSON.stringify(ready)}`);
        return ready.message;
      }, 20_000),
    async createNamespace() {
      const namespace = await started(api).createNamespace();
      used.push(namespace);
      return namespace;
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
