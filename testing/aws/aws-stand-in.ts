// AWS on loopback, for tests, benches and the demo: ECR, ECR Public and STS, with real signatures, its own tokens, and
// faults on demand. Must never listen anywhere but on loopback, nor log a secret, a token or a signature.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { listen } from '../../src/http/server.ts';
import { type Clock, type DurationMs, type EpochMs, HOUR, systemClock } from '../../src/lib/time.ts';
import { type AwsCall, openCall } from './call-log.ts';
import type { WireRequest } from './canonical-request.ts';
import { createFaultPlan, type Faults } from './faults.ts';
import { type AwsKey, type AwsRole, createIam } from './iam.ts';
import type { Operation, Outcome, Setting } from './operation.ts';
import { asStsRefusal } from './query-protocol.ts';
import { refuse } from './refusal.ts';
import { carryOut, headerPairs, type Manner, readBody, sendAnswer, sendRefusal } from './replies.ts';
import { inputOf, operationOf } from './services.ts';
import { verifySigV4 } from './sigv4.ts';
import { createTokenIssuer, type TokenOwner } from './token-issuer.ts';
import type { IdentityProvider } from './web-identity.ts';

/** @returns true when it has answered; the request then is no AWS call and is not logged */
export type ControlHandler = (standIn: AwsStandIn, request: WireRequest, response: ServerResponse) => boolean;

export interface AwsStandInOptions {
  /** Default: the system's. The real SDK signs with the system's, so start a manual one at the real instant. */
  readonly clock?: Clock;
  /** Life of the tokens, milliseconds; default 12 h (ECR API reference, AuthorizationData). */
  readonly tokenLifeMs?: number;
  /** Keys known from the start. */
  readonly accounts?: readonly AwsKey[];
  /** Default 0: a free port. */
  readonly port?: number;
  /** Sees every request first and answers its own: `handleControl` of control.ts. Default: none. */
  readonly control?: ControlHandler;
  /** Called once per call, when its status is known, or when it is certain to have none. */
  readonly onCall?: (call: AwsCall) => void;
  /** Called with every secret that the stand-in learns or issues, so that a suite can search for leaks. */
  readonly onSecret?: (sort: 'id' | 'key' | 'token', secret: string) => void;
}

export interface AwsStandIn {
  /** `http://127.0.0.1:<port>`, the value for `AWS_ENDPOINT_URL` or one of its kind. */
  readonly url: string;
  /** Serves a connection accepted elsewhere, such as the inside of a TLS one. */
  accept(socket: Socket): void;
  /** Adds a key, or replaces the one of the same ID. */
  addKey(key: AwsKey): void;
  /** Removes a key, as if it had been deleted in IAM; its tokens stay valid. */
  removeKey(accessKeyId: string): void;
  /** Adds a role, or replaces the one of the same ARN. */
  addRole(role: AwsRole): void;
  removeRole(arn: string): void;
  /** Registers an issuer of tokens, like an IAM identity provider. */
  addIdentityProvider(provider: IdentityProvider): void;
  /** Life of tokens issued from now on, milliseconds, 0 or more. @throws RangeError for anything else */
  setTokenLife(lifeMs: number): void;
  /** Names this registry in answers from now on, as LocalStack names itself; undefined: those of AWS. */
  setRegistry(url: string | undefined): void;
  /** Calls in the order of arrival; a live view. Calls to `/_control/` are not in it. */
  readonly requests: readonly AwsCall[];
  clearLog(): void;
  /** How many logged calls pass the filter; all of them without one. */
  calls(filter?: (call: AwsCall) => boolean): number;
  readonly faults: Faults;
  /** Answers the held calls. */
  release(): void;
  /** The owner of this registry password, if it was issued here and has not expired by the stand-in's clock. */
  isValidToken(password: string): TokenOwner | undefined;
  /** How many tokens were issued. */
  readonly issued: number;
  /** Cuts all connections, hanging ones included, and frees the port. May be called twice. */
  stop(): Promise<void>;
}

type OpenCall = { -readonly [Field in keyof AwsCall]: AwsCall[Field] };

/** The manner of the answer to a request that is not understood. */
const UNKNOWN: Manner = { protocol: 'json', name: '' };

/**
 * Starts a stand-in on 127.0.0.1.
 *
 * @returns once it listens
 * @throws when the port is taken, or `tokenLifeMs` is no duration
 */
export async function startAwsStandIn(options: AwsStandInOptions = {}): Promise<AwsStandIn> {
  const clock = options.clock ?? systemClock;
  const calls: OpenCall[] = [];
  const faults = createFaultPlan();
  const issuer = createTokenIssuer();
  const timers = new Set<() => void>();
  const held: (() => void)[] = [];
  let tokenLife = checkedLife(options.tokenLifeMs ?? 12 * HOUR);
  let registry: string | undefined;
  const iam = createIam((sort, secret) => options.onSecret?.(sort, secret));
  for (const key of options.accounts ?? []) iam.addKey(key);

  const settingOf = (region: string, now: EpochMs): Setting => ({
    region,
    now,
    iam,
    registry,
    issue(accountId) {
      const token = issuer.issue(accountId, region, now, tokenLife);
      options.onSecret?.('token', Buffer.from(token.authorizationToken, 'base64').toString().slice('AWS:'.length));
      return token;
    },
  });

  const answer = (wire: WireRequest, operation: Operation | undefined, call: OpenCall): Outcome => {
    if (!operation || wire.method !== 'POST' || wire.target !== '/')
      return refuse('UnknownOperationException', 'The requested operation is not supported by this service.');
    const now = clock.now();
    const input = inputOf(wire, operation);
    if (input.protocol === 'query' && !input.operation.isSigned)
      return input.operation.run(undefined, input.form, settingOf('', now));
    const verdict = verifySigV4(wire, { service: operation.service, now, findKey: (id) => iam.findKey(id) });
    if (!verdict.ok) return operation.protocol === 'query' ? asStsRefusal(verdict) : verdict;
    const key = iam.findKey(verdict.accessKeyId);
    if (!key) return refuse('SerializationException', 'The key is gone.');
    const [caller, setting] = [iam.callerOf(key), settingOf(verdict.region, now)];
    call.principal = caller.principal;
    if (input.protocol === 'query') return input.operation.run(caller, input.form, setting);
    if (input.json === undefined) return refuse('SerializationException', 'The request body is not valid JSON.');
    return input.operation.run(caller, input.json, setting);
  };

  const finish = (call: OpenCall, response: ServerResponse, outcome: Outcome, manner: Manner): void => {
    const status = outcome.ok ? 200 : outcome.status;
    call.status = response.destroyed ? 0 : status;
    if (!outcome.ok) call.errorCode = outcome.code;
    else if (outcome.tokenExpiresAt !== undefined) call.tokenExpiresAt = outcome.tokenExpiresAt;
    options.onCall?.(call);
    if (outcome.ok) sendAnswer(response, outcome.body, manner, clock.now());
    else sendRefusal(response, outcome, manner, clock.now());
  };

  const serveAws = (wire: WireRequest, response: ServerResponse): void => {
    const operation = operationOf(wire);
    const manner: Manner = operation ?? UNKNOWN;
    const call: OpenCall = openCall(wire, operation, clock.now());
    calls.push(call);
    const fault = faults.take(call);
    if (fault) call.fault = fault.op;
    const answerNow = (): void => finish(call, response, answer(wire, operation, call), manner);
    if (fault?.op === 'delay') {
      const cancel = clock.after(fault.ms as DurationMs, () => {
        timers.delete(cancel);
        answerNow();
      });
      timers.add(cancel);
    } else if (fault?.op === 'hold') {
      held.push(answerNow);
    } else if (fault?.op === 'answer') {
      const outcome = answer(wire, operation, call);
      finish(call, response, outcome.ok ? { ok: true, body: fault.body } : outcome, manner);
    } else if (fault) {
      call.status = carryOut(fault, response, manner, clock.now());
      if (fault.op === 'error') call.errorCode = fault.code;
      options.onCall?.(call);
    } else answerNow();
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: target = '' } = request;
    const body = await readBody(request);
    if (!body) {
      const refusal = refuse('RequestEntityTooLargeException', 'Request body over 64 KiB.', 413);
      sendRefusal(response, refusal, UNKNOWN, clock.now());
      return;
    }
    const wire: WireRequest = { method, target, headers: headerPairs(request.rawHeaders), body };
    if (!options.control?.(standIn, wire, response)) serveAws(wire, response);
  };

  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.destroy());
  });
  const port = await listen(server, { host: '127.0.0.1', port: options.port ?? 0 });

  const standIn: AwsStandIn = {
    url: `http://127.0.0.1:${port}`,
    accept: (socket) => void server.emit('connection', socket),
    addKey: (key) => iam.addKey(key),
    removeKey: (accessKeyId) => iam.removeKey(accessKeyId),
    addRole: (role) => iam.addRole(role),
    removeRole: (arn) => iam.removeRole(arn),
    addIdentityProvider: (provider) => iam.addIdentityProvider(provider),
    setTokenLife(lifeMs) {
      tokenLife = checkedLife(lifeMs);
    },
    setRegistry(url) {
      registry = url;
    },
    requests: calls,
    clearLog: () => void calls.splice(0),
    calls: (filter) => (filter ? calls.filter(filter).length : calls.length),
    faults,
    release() {
      for (const answerNow of held.splice(0)) answerNow();
    },
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

function checkedLife(lifeMs: number): DurationMs {
  if (!Number.isFinite(lifeMs) || lifeMs < 0) throw new RangeError(`token life must be 0 ms or more, not ${lifeMs}`);
  return lifeMs as DurationMs;
}
