// The health checks for Argo CD and Flux, run on test data and on objects as the operator leaves them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { evaluate } from '@marcbachmann/cel-js';
import { LuaFactory } from 'wasmoon';
import { parse } from 'yaml';
import { isRecord } from '../../src/lib/json.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { conditionOf, NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from '../scenario/manifests.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const SCRIPT = read('gitops/argocd/health.lua');
const PAGE = read('docs/gitops.md');

interface Health {
  readonly status: string;
  readonly message: string;
}

/** The health of an object, in a separate Lua. */
async function healthOf(object: unknown): Promise<Health> {
  const lua = await new LuaFactory().createEngine();
  try {
    const { status, message } = (await lua.doString(`obj = ${luaOf(object)}\n${SCRIPT}`)) as Health;
    return { status, message };
  } finally {
    lua.global.close();
  }
}

/** A value of JSON as Lua has it; lists begin at 1. */
function luaOf(value: unknown): string {
  if (value === null || value === undefined) return 'nil';
  if (Array.isArray(value)) return `{${value.map(luaOf).join(', ')}}`;
  if (isRecord(value)) {
    const entries = Object.entries(value).map(([name, one]) => `[${luaOf(name)}] = ${luaOf(one)}`);
    return `{${entries.join(', ')}}`;
  }
  return typeof value === 'string' ? luaText(value) : JSON.stringify(value);
}

function luaText(text: string): string {
  const escaped = [...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, '0')}`);
  return `"${escaped.join('')}"`;
}

describe('the health script for Argo CD', () => {
  const { tests } = parse(read('gitops/argocd/health_test.yaml')) as {
    readonly tests: readonly { readonly inputPath: string; readonly healthStatus: Health }[];
  };
  for (const { inputPath, healthStatus } of tests) {
    test(`says of ${inputPath} that it is ${healthStatus.status}`, async () => {
      assert.deepEqual(await healthOf(parse(read(`gitops/argocd/${inputPath}`))), healthStatus);
    });
  }

  test('stands in docs/gitops.md as it is tested here', () => {
    const indented = SCRIPT.trimEnd()
      .split('\n')
      .map((line) => (line === '' ? '' : `    ${line}`))
      .join('\n');
    assert.equal(PAGE.split(indented).length - 1, 2, 'once for each kind');
  });
});

describe('objects as the operator leaves them', () => {
  const world = useWorld();
  let namespace = '';
  before(async () => {
    namespace = await world.api.createNamespace();
    await world.startOperator();
  });
  const health = async (name: string): Promise<string> =>
    (await healthOf(await world.api.must('GET', NAMESPACED_PATH(namespace, name)))).status;

  test('are Healthy for Argo CD when their Secret is there', async () => {
    await createPullSecret(world.api, namespace, 'good');
    await world.ready(NAMESPACED_PATH(namespace, 'good'));
    assert.equal(await health('good'), 'Healthy');
  });

  test('are Degraded when AWS says no', async () => {
    const awsAccess = { ...ACCESS, accessKeyId: 'AKIADENIEDDENIED0002' };
    await createPullSecret(world.api, namespace, 'bad', { awsAccess, secretName: 'bad' });
    await world.status(NAMESPACED_PATH(namespace, 'bad'), (status) => conditionOf(status, 'Stalled') !== undefined);
    assert.equal(await health('bad'), 'Degraded');
  });

  test('are Progressing from a change until the operator has seen it', async () => {
    const path = NAMESPACED_PATH(namespace, 'good');
    const before = await world.api.must('GET', path);
    const changed = { ...before, metadata: { ...before.metadata, generation: before.metadata.generation + 1 } };
    assert.equal((await healthOf(changed)).status, 'Progressing');
    await eventually(async () => ((await health('good')) === 'Healthy' ? true : undefined));
  });

  test('are what the expressions for Flux say of each kind', async () => {
    const [, text = ''] = /```yaml\n(healthCheckExprs:[^]*?)```/.exec(PAGE) ?? [];
    const { healthCheckExprs } = parse(text) as {
      readonly healthCheckExprs: readonly Readonly<Record<'kind' | 'current' | 'failed' | 'inProgress', string>>[];
    };
    assert.deepEqual(
      healthCheckExprs.map(({ kind }) => kind),
      ['AWSECRImagePullSecret', 'ClusterAWSECRImagePullSecret'],
    );
    const good = await world.api.must('GET', NAMESPACED_PATH(namespace, 'good'));
    const bad = await world.api.must('GET', NAMESPACED_PATH(namespace, 'bad'));
    const fresh = { ...good, status: { observedGeneration: -1 } };
    for (const { inProgress, failed, current } of healthCheckExprs) {
      // In the order in which Flux checks; the first that holds is the answer.
      const first = (object: object): string | undefined =>
        Object.entries({ inProgress, failed, current }).find(([, expression]) =>
          evaluate(expression, numbered(object)),
        )?.[0];
      assert.deepEqual([good, bad, fresh].map(first), ['current', 'failed', 'inProgress']);
    }
  });
});

/** Whole numbers as CEL has them. */
function numbered(object: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(object), (_, value: unknown) =>
    typeof value === 'number' ? BigInt(value) : value,
  ) as Record<string, unknown>;
}
