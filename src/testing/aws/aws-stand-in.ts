// Private ECR on loopback, for tests, benches and the demo: real signatures, tokens of its own, faults on demand.
// Must never listen anywhere but on loopback, nor keep a secret, a token or a signature in its log.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { type Clock, type DurationMs, type EpochMs, HOUR, systemClock } from '../../lib/time.ts';
import { headerValues, type WireRequest } from './canonical-request.ts';
import { ECR_OPERATIONS, type Operation, type Outcome } from './ecr-operations.ts';
import { createFaultPlan, type Fault, type Faults } from './faults.ts';
import { refuse } from './refusal.ts';
import { carryOut, headerPairs, JSON_CONTENT_TYPE, readBody, sendAnswer, sendRefusal } from './replies.ts';
import { claimedScope, type SigningKey, verifySigV4 } from './sigv4.ts';
import { createTokenIssuer, type IssuedToken, type TokenOwner } from './token-issuer.ts';

/** A key the stand-in knows. */
export interface AwsKey extends SigningKey {
  readonly accessKeyId: string;
  /** 12 digits. */
  readonly accountId: string;
  /** false: every operation is refused with `AccessDeniedException`. Default true. */
  readonly allowed?: boolean;
}

/** One call, as logged. `operation`, `accessKeyId`, `region` and `service` are the caller's claims, '' when it made none. */
export interface AwsCall {
  readonly at: EpochMs;
  readonly operation: string;
  /** '(malformed)' when it does not look like an ID: it may be a secret put in the wrong place. */
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
  readonly userAgent: string;
  /** HTTP status the caller got; 0 while it has none, and for ever when it hangs, is reset, or the caller left. */
  readonly status: number;
  readonly errorCode?: string;
  /** The fault the call suffered. */
  readonly fault?: Fault['op'];
  /** When the token ends that the call was given. */
  readonly tokenExpiresAt?: EpochMs;
}

/** @returns true when it has answered; then the request is no AWS call and is not logged */
export type ControlHandler = (standIn: AwsStandIn, request: WireRequest, response: ServerResponse) => boolean;

export interface AwsStandInOptions {
  /** Default: the system's. With a manual one, start it at the real instant when the real SDK calls: it signs with that. */
  readonly clock?: Clock;
  /** Life of the tokens, milliseconds; default 12 h (ECR API reference, AuthorizationData). */
  readonly tokenLifeMs?: number;
  /** Keys known from the start. */
  readonly accounts?: readonly AwsKey[];
  /** Default 0: a free port. */
  readonly port?: number;
  /** Sees every request first and answers those that are its own: `handleControl` of control.ts. Default: none. */
  readonly control?: ControlHandler;
  /** Called once per call, when its status is known, or it is known that it will never have one. */
  readonly onCall?: (call: AwsCall) => void;
  /** Told of every secret that it learns or issues, so that a suite can look for them where they must not be. */
  readonly onSecret?: (sort: 'id' | 'key' | 'token', secret: string) => void;
}

export interface AwsStandIn {
  /** `http://127.0.0.1:<port>`, the value for `AWS_ENDPOINT_URL_ECR`. */
  readonly url: string;
  /** Adds a key, or replaces the one of the same ID. */
  addKey(key: AwsKey): void;
  /** Forgets a key, as if it had been deleted in IAM; its tokens stay good. */
  removeKey(accessKeyId: string): void;
  /** Life of tokens issued from now on, milliseconds, 0 or more. @throws RangeError for anything else */
  setTokenLife(lifeMs: number): void;
  /** Calls in the order of arrival; a live view. Calls to `/_control/` are not in it. */
  readonly requests: readonly AwsCall[];
  clearLog(): void;
  /** How many logged calls pass the filter; all of them without one. */
  calls(filter?: (call: AwsCall) => boolean): number;
  readonly faults: Faults;
  /** Whose registry password this is, when it was issued here and has not ended by the stand-in's clock. */
  isValidToken(password: string): TokenOwner | undefined;
  /** How many tokens were issued. */
  readonly issued: number;
  /** Cuts all connections, also those that hang, and frees the port. May be called twice. */
  stop(): Promise<void>;
}

type OpenCall = { -readonly [Field in keyof AwsCall]: AwsCall[Field] };

/** Every operation of every service; STS and ECR Public join here. */
const OPERATIONS: readonly Operation[] = [...ECR_OPERATIONS];

/** Access key IDs are upper-case letters and digits (IAM API reference, AccessKey); secrets have lower-case letters as well. */
const KEY_ID = /^[A-Z0-9]{4,128}$/;

/**
 * Starts a stand-in on 127.0.0.1.
 *
 * @returns once it listens
 * @throws when the port is taken, or `tokenLifeMs` is no length of time
 */
export async function startAwsStandIn(options: AwsStandInOptions = {}): Promise<AwsStandIn> {
  const clock = options.clock ?? systemClock;
  const keys = new Map<string, AwsKey>();
  const calls: OpenCall[] = [];
  const faults = createFaultPlan();
  const issuer = createTokenIssuer();
  const timers = new Set<() => void>();
  let tokenLife = checkedLife(options.tokenLifeMs ?? 12 * HOUR);
  const learn = (key: AwsKey): void => {
    keys.set(key.accessKeyId, key);
    options.onSecret?.('id', key.accessKeyId);
    options.onSecret?.('key', key.secretAccessKey);
  };
  for (const key of options.accounts ?? []) learn(key);

  const issue = (accountId: string, region: string, now: EpochMs): IssuedToken => {
    const token = issuer.issue(accountId, region, now, tokenLife);
    options.onSecret?.('token', Buffer.from(token.authorizationToken, 'base64').toString().slice('AWS:'.length));
    return token;
  };

  const answer = (wire: WireRequest, operation: Operation | undefined): Outcome => {
    if (!operation || wire.method !== 'POST' || wire.target !== '/' || !isJson(wire))
      return refuse('UnknownOperationException', 'The requested operation is not supported by this service.');
    const now = clock.now();
    const verdict = verifySigV4(wire, { service: operation.service, now, findKey: (id) => keys.get(id) });
    if (!verdict.ok) return verdict;
    const input = parseJson(wire.body);
    const key = keys.get(verdict.accessKeyId);
    if (!key || input === undefined) return refuse('SerializationException', 'The request body is not valid JSON.');
    const { accountId, allowed = true } = key;
    const { region } = verdict;
    return operation.run({ accountId, region, allowed }, input, () => issue(accountId, region, now));
  };

  const finish = (call: OpenCall, response: ServerResponse, outcome: Outcome): void => {
    const status = outcome.ok ? 200 : outcome.status;
    call.status = response.destroyed ? 0 : status;
    if (!outcome.ok) call.errorCode = outcome.code;
    else if (outcome.tokenExpiresAt !== undefined) call.tokenExpiresAt = outcome.tokenExpiresAt;
    options.onCall?.(call);
    if (outcome.ok) sendAnswer(response, outcome.body, clock.now());
    else sendRefusal(response, outcome, clock.now());
  };

  const serveAws = (wire: WireRequest, response: ServerResponse): void => {
    const target = headerValues(wire.headers, 'x-amz-target')[0] ?? '';
    const operation = OPERATIONS.find((candidate) => candidate.target === target);
    const call = openCall(wire, operation?.name ?? '', clock.now());
    calls.push(call);
    const fault = faults.take(call);
    if (fault) call.fault = fault.op;
    if (fault?.op === 'delay') {
      const cancel = clock.after(fault.ms as DurationMs, () => {
        timers.delete(cancel);
        finish(call, response, answer(wire, operation));
      });
      timers.add(cancel);
    } else if (fault?.op === 'answer') {
      const outcome = answer(wire, operation);
      finish(call, response, outcome.ok ? { ok: true, body: fault.body } : outcome);
    } else if (fault) {
      call.status = carryOut(fault, response, clock.now());
      if (fault.op === 'error') call.errorCode = fault.code;
      options.onCall?.(call);
    } else finish(call, response, answer(wire, operation));
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: target = '' } = request;
    const body = await readBody(request);
    if (!body) {
      sendRefusal(response, refuse('RequestEntityTooLargeException', 'Request body over 64 KiB.', 413), clock.now());
      return;
    }
    const wire: WireRequest = { method, target, headers: headerPairs(request.rawHeaders), body };
    if (!options.control?.(standIn, wire, response)) serveAws(wire, response);
  };

  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.destroy());
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');

  const standIn: AwsStandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    addKey: learn,
    removeKey: (accessKeyId) => void keys.delete(accessKeyId),
    setTokenLife(lifeMs) {
      tokenLife = checkedLife(lifeMs);
    },
    requests: calls,
    clearLog: () => void calls.splice(0),
    calls: (filter) => (filter ? calls.filter(filter).length : calls.length),
    faults,
    isValidToken: (password) => issuer.find(password, clock.now()),
    get issued() {
      return issuer.count();
    },
    async stop() {
      for (const cancel of timers) cancel();
      timers.clear();
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return standIn;
}

function openCall(wire: WireRequest, operation: string, at: EpochMs): OpenCall {
  const scope = claimedScope(wire);
  const id = scope?.accessKeyId ?? '';
  return {
    at,
    operation,
    accessKeyId: id === '' || KEY_ID.test(id) ? id : '(malformed)',
    region: scope?.region ?? '',
    service: scope?.service ?? '',
    userAgent: headerValues(wire.headers, 'user-agent')[0] ?? '',
    status: 0,
  };
}

function isJson(wire: WireRequest): boolean {
  return headerValues(wire.headers, 'content-type')[0] === JSON_CONTENT_TYPE;
}

/** undefined when the body is not JSON; an empty body counts as `{}`. */
function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}

function checkedLife(lifeMs: number): DurationMs {
  if (!Number.isFinite(lifeMs) || lifeMs < 0) throw new RangeError(`token life must be 0 ms or more, not ${lifeMs}`);
  return lifeMs as DurationMs;
}
