// Small values for tests. Every builder takes what the test is about; the rest has plain defaults.

import { CLUSTER_KIND, DOCKER_CONFIG_TYPE, NAMESPACED_KIND, type PullSecretKind } from '../../src/api/names.ts';
import { type Login, makeLogin } from '../../src/core/login.ts';
import type { Payload } from '../../src/core/plan.ts';
import type { PullSecretObject } from '../../src/core/resource.ts';
import type { SeenSecret } from '../../src/core/seen-secret.ts';
import type { Findings } from '../../src/core/status.ts';
import type { JsonRecord } from '../../src/lib/json.ts';
import { type DurationMs, type EpochMs, HOUR, plus } from '../../src/lib/time.ts';
import type { Applied } from '../../src/operator/secrets/apply.ts';

/** 2023-10-04T20:45:52Z: a whole second, in the hour of the example in the Go project's README. */
export const START = 1_696_452_352_000 as EpochMs;

/** Uid of the object that `pullSecret` builds. */
export const UID = '7f6f6f0a-0000-4000-8000-000000000001';

/** Keys of the shape that AWS issues, from its own documentation. */
export const KEY_ID = 'AKIAIOSFODNN7EXAMPLE';
export const SECRET_KEY = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

export function after(length: number): EpochMs {
  return plus(START, length as DurationMs);
}

/** A JSON object with any names, `__proto__` too. */
export function json(text: string): JsonRecord {
  return JSON.parse(text) as JsonRecord;
}

/** A spec that is valid for both kinds; `over` replaces whole fields, `awsAccess` adds to its own. */
export function spec(over: JsonRecord = {}, awsAccess: JsonRecord = {}): JsonRecord {
  const keys = 'secretRef' in awsAccess ? {} : { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY };
  return { awsAccess: { region: 'eu-west-1', ...keys, ...awsAccess }, secretName: 'ecr-login', ...over };
}

/** An object of generation 1 that has no status; the namespaced kind lives in namespace `ns1`. */
export function pullSecret(kind: PullSecretKind, wanted: JsonRecord): PullSecretObject {
  return {
    kind,
    namespace: kind === NAMESPACED_KIND ? 'ns1' : undefined,
    name: 'a',
    uid: UID,
    resourceVersion: '1',
    generation: 1,
    deleting: false,
    isCollected: false,
    isWaiting: false,
    createdAt: '2023-10-04T20:00:00Z',
    reconcileAt: undefined,
    spec: wanted,
    status: {},
  };
}

export function clusterPullSecret(wanted: JsonRecord): PullSecretObject {
  return pullSecret(CLUSTER_KIND, wanted);
}

export function hostOf(region: string): string {
  return `111122223333.dkr.ecr.${region}.amazonaws.com`;
}

/** A login fetched at START that lives 12 hours and is renewed after 6. */
export function login(registry: string, over: Partial<Login> = {}): Login {
  const token = {
    username: 'AWS',
    password: `password-of-${registry}`,
    hosts: [hostOf(registry)],
    expiresAt: plus(START, (12 * HOUR) as DurationMs),
  };
  return { ...makeLogin(registry, token, START, () => 0), ...over };
}

/** A Secret `ecr-login` of the operator with the content of `payload`. */
export function seenSecret(namespace: string, payload: Payload, over: Partial<SeenSecret> = {}): SeenSecret {
  return {
    namespace,
    name: 'ecr-login',
    uid: `uid-of-${namespace}`,
    resourceVersion: '1',
    type: DOCKER_CONFIG_TYPE,
    immutable: false,
    deleting: false,
    hasOwners: true,
    ownerUid: UID,
    ownerKind: NAMESPACED_KIND,
    offeredTo: undefined,
    ownerUidLabel: UID,
    managed: true,
    inputs: payload.inputs,
    expiry: payload.expiry,
    contentDigest: payload.contentDigest,
    otherWriter: undefined,
    templateDigest: payload.template.digest,
    ...over,
  };
}

/** A reconciliation of generation 1 with all wanted Secrets in place: `ready`, with a login for eu-west-1. */
export function findings(ready: readonly string[], over: Partial<Findings> = {}): Findings {
  const { desired = ready.length, problems = [] } = over;
  return {
    generation: 1,
    logins: [login('eu-west-1')],
    failures: [],
    desired,
    ready,
    pending: desired - ready.length - problems.length,
    problems,
    delayed: [],
    handledReconcileAt: undefined,
    ...over,
  };
}

/** The outcome of the writes of one object: none, but for `over`. */
export function applied(over: Partial<Applied> = {}): Applied {
  return {
    created: [],
    updated: [],
    deleted: [],
    terminating: [],
    retry: [],
    slow: [],
    delayed: [],
    problems: [],
    retryAfter: undefined,
    failed: false,
    ...over,
  };
}
