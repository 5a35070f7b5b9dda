// The verbs of the Kubernetes API that the operator uses, over a ResourceDescriptor. No retries: the workqueue has
// them.

import pLimit from 'p-limit';
import { EVENTS, type ResourceDescriptor, SECRETS, SERVICE_ACCOUNTS } from '../api/meta.ts';
import { Failure } from '../lib/errors.ts';
import { type JsonRecord, recordOf, stringOf } from '../lib/json.ts';
import { isNotFound } from './api-error.ts';
import { apiPath } from './path.ts';
import { createKindReader, type KindReader } from './read-kind.ts';
import { type ApiRequest, JSON_PATCH } from './requests.ts';
import type { Transport } from './transport.ts';

/** Which object, in which version, to delete, and how. */
interface DeleteTerms {
  readonly uid: string;
  readonly resourceVersion: string;
  /** `Orphan`: the objects that it owns stay, and lose their owner reference. */
  readonly propagationPolicy?: 'Orphan';
}

type Read<Answer> = (
  resource: ResourceDescriptor,
  namespace: string | undefined,
  name: string,
  signal: AbortSignal,
) => Promise<Answer>;

/** The reading half. A caller that needs less takes less: `Pick<KubeReader, 'find'>`. */
export interface KubeReader extends KindReader {
  readonly get: Read<JsonRecord>;
  /** As `get`, undefined when there is no such object. */
  readonly find: Read<JsonRecord | undefined>;
  /** As `find`, but only the metadata: the API server does not send a Secret's content. */
  readonly findMetadata: Read<JsonRecord | undefined>;
}

type Patch<Body = JsonRecord> = (
  resource: ResourceDescriptor,
  at: ObjectAddress,
  body: Body,
  signal: AbortSignal,
) => Promise<JsonRecord>;

/** The writing half. */
export interface KubeWriter {
  /** @returns the new object without what was sent: only its kind, version and metadata */
  create(
    resource: ResourceDescriptor,
    namespace: string | undefined,
    body: JsonRecord,
    signal: AbortSignal,
  ): Promise<JsonRecord>;
  /**
   * JSON merge patch; a `metadata.uid` and `metadata.resourceVersion` in it name one object in one version.
   *
   * @returns as `create`
   */
  readonly patch: Patch;
  /**
   * As `patch`, but lists with a key are merged by it (strategic merge patch): only Kubernetes' own kinds support it.
   */
  readonly patchByKeys: Patch;
  /** As `patch`, of the status. @returns the whole object */
  readonly patchStatus: Patch;
  /**
   * Replaces the status where parts of the object are as given, whatever else has changed since (JSON patch).
   *
   * @param given  by JSON pointer
   * @returns the whole object
   * @throws ApiError 422 when one of them is not as given
   */
  replaceStatus(
    resource: ResourceDescriptor,
    at: ObjectAddress,
    given: Readonly<Record<string, unknown>>,
    status: object,
    signal: AbortSignal,
  ): Promise<JsonRecord>;
  delete(resource: ResourceDescriptor, at: ObjectAddress, terms: DeleteTerms, signal: AbortSignal): Promise<void>;
}

export interface TokenRequester {
  /** A token of a ServiceAccount for one audience (TokenRequest); undefined when there is no such account. */
  requestToken(account: ServiceAccountName, terms: TokenTerms, signal: AbortSignal): Promise<string | undefined>;
}

/** All three: for the part that hands them out. */
export interface KubeClient extends KubeReader, KubeWriter, TokenRequester {}

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

export interface TokenTerms {
  readonly audience: string;
  /** Life in seconds; the API server gives no less than 600. */
  readonly seconds: number;
}

export interface ObjectAddress {
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Secrets read whole at once. */
const WHOLE_SECRETS = 2;
const MERGE_PATCH = 'application/merge-patch+json';
/**
 * Half of a write's answer about a Secret repeats the request: reading it took a seventh of the processor time
 * (docs/design/performance.md).
 */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/** Nothing depends on an Event: in a burst, objects are Ready earlier by the time that theirs take. */
function write<Method>(method: Method, resource: ResourceDescriptor) {
  return { method, accept: METADATA_ONLY, canWait: resource === EVENTS };
}

export function createClient(transport: Transport, fieldManager: string): KubeClient {
  const send: Send = async (request, signal) => {
    const answer = await transport.send(request, signal);
    if (!answer.ok) {
      throw new Failure({
        next: 'change',
        reason: 'ObjectTooLarge',
        message: 'the API server answered with more than 4 MiB',
      });
    }
    return recordOf(answer.json);
  };
  const query = { fieldManager };

  // A user's Secret may have megabytes, each held several times until the caller has picked its part.
  const inTurn = pLimit(WHOLE_SECRETS);
  const get: Read<JsonRecord> = async (resource, namespace, name, signal) => {
    const ask = (): Promise<JsonRecord> =>
      send({ method: 'GET', path: apiPath(resource, { namespace, name }) }, signal);
    return await (resource === SECRETS ? inTurn(ask) : ask());
  };

  return {
    ...createKindReader(transport),
    ...patching(send, query),
    get,
    find: (resource, namespace, name, signal) => orNone(get(resource, namespace, name, signal)),
    findMetadata: (resource, namespace, name, signal) =>
      orNone(send({ method: 'GET', path: apiPath(resource, { namespace, name }), accept: METADATA_ONLY }, signal)),
    create: (resource, namespace, body, signal) =>
      send({ ...write('POST', resource), path: apiPath(resource, { namespace }), query, body }, signal),
    async delete(resource, at, { uid, resourceVersion, ...terms }, signal) {
      await send(
        {
          method: 'DELETE',
          path: apiPath(resource, at),
          body: { kind: 'DeleteOptions', apiVersion: 'v1', ...terms, preconditions: { uid, resourceVersion } },
        },
        signal,
      );
    },
    async requestToken({ namespace, name }, { audience, seconds }, signal) {
      const body = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences: [audience], expirationSeconds: seconds },
      };
      const path = apiPath(SERVICE_ACCOUNTS, { namespace, name, subresource: 'token' });
      const answer = await orNone(send({ method: 'POST', path, body }, signal));
      return stringOf(recordOf(answer?.['status'])['token']);
    },
  };
}

type Send = (request: ApiRequest, signal: AbortSignal) => Promise<JsonRecord>;

function patching(
  send: Send,
  query: NonNullable<ApiRequest['query']>,
): Pick<KubeWriter, 'patch' | 'patchByKeys' | 'patchStatus' | 'replaceStatus'> {
  const patchAs =
    (contentType: string): Patch =>
    (resource, at, body, signal) =>
      send({ ...write('PATCH', resource), path: apiPath(resource, at), query, body, contentType }, signal);
  const patchStatusAs =
    (contentType: string): Patch<JsonRecord | readonly object[]> =>
    (resource, at, body, signal) => {
      const path = apiPath(resource, { ...at, subresource: 'status' });
      return send({ method: 'PATCH', path, query, body, contentType }, signal);
    };
  const patchByTests = patchStatusAs(JSON_PATCH);
  return {
    patch: patchAs(MERGE_PATCH),
    patchByKeys: patchAs('application/strategic-merge-patch+json'),
    patchStatus: patchStatusAs(MERGE_PATCH),
    replaceStatus: (resource, at, given, status, signal) =>
      patchByTests(resource, at, replacing(given, '/status', status), signal),
  };
}

/** A JSON patch (RFC 6902) of one part, for an object of which others are as given. */
function replacing(given: Readonly<Record<string, unknown>>, path: string, value: unknown): readonly object[] {
  const tests = Object.entries(given).map(([pointer, part]) => ({ op: 'test', path: pointer, value: part }));
  return [...tests, { op: 'add', path, value }];
}

/** @returns undefined when there is no such object */
async function orNone(asked: Promise<JsonRecord>): Promise<JsonRecord | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (isNotFound(thrown)) return undefined;
    throw thrown;
  }
}
