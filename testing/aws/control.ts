// Controls a stand-in from another process: requests under /_control/, JSON in, JSON out. A thin layer over
// AwsStandIn's methods. Must never answer with a secret or a token. Every client may do everything; the stand-in
// listens on loopback only.

import type { ServerResponse } from 'node:http';

import { z } from 'zod';

import type { EpochMs } from '../../src/lib/time.ts';
import type { AwsStandIn, ControlHandler } from './aws-stand-in.ts';
import { faultSchema } from './faults.ts';

const PREFIX = '/_control/';

const tokenLifeBody = z.strictObject({ ms: z.number().min(0) });

const tokenBody = z.strictObject({ password: z.string() });

const keysBody = z.union([
  z.strictObject({ remove: z.string() }),
  z.strictObject({
    accessKeyId: z.string().min(1),
    secretAccessKey: z.string().min(1),
    sessionToken: z.string().min(1).exactOptional(),
    expiresAt: z
      .number()
      .transform((value) => value as EpochMs)
      .exactOptional(),
    accountId: z.string().regex(/^[0-9]{12}$/),
    allowed: z.boolean().exactOptional(),
  }),
]);

const faultsBody = z.union([
  z.strictObject({ clear: z.literal(true) }),
  z.strictObject({ count: z.int().min(1), fault: faultSchema }),
  z.strictObject({
    while: z.strictObject({
      accessKeyId: z.string().optional(),
      region: z.string().optional(),
      operation: z.string().optional(),
    }),
    fault: faultSchema,
  }),
]);

/** Returns the body of a 200. */
type Route = (standIn: AwsStandIn, input: unknown) => unknown;

const ROUTES: Readonly<Record<string, Route>> = {
  'GET /_control/requests': (standIn) => ({ requests: standIn.requests, issued: standIn.issued }),
  'DELETE /_control/requests': (standIn) => {
    standIn.clearLog();
    return {};
  },
  'POST /_control/token-life': (standIn, input) => {
    standIn.setTokenLife(tokenLifeBody.parse(input).ms);
    return {};
  },
  'POST /_control/keys': (standIn, input) => {
    const body = keysBody.parse(input);
    if ('remove' in body) standIn.removeKey(body.remove);
    else standIn.addKey(body);
    return {};
  },
  'POST /_control/faults': (standIn, input) => {
    const body = faultsBody.parse(input);
    if ('clear' in body) standIn.faults.clear();
    else if ('count' in body) standIn.faults.failNext(body.count, body.fault);
    else {
      const { accessKeyId, region, operation } = body.while;
      standIn.faults.failWhile(
        (subject) =>
          (accessKeyId === undefined || subject.accessKeyId === accessKeyId) &&
          (region === undefined || subject.region === region) &&
          (operation === undefined || subject.operation === operation),
        body.fault,
      );
    }
    return {};
  },
  'POST /_control/tokens': (standIn, input) => ({
    owner: standIn.isValidToken(tokenBody.parse(input).password) ?? null,
  }),
};

/**
 * Answers a request under `/_control/`; throws nothing. The value for the stand-in's option `control`.
 *
 * - `GET /_control/requests` → `{requests: AwsCall[], issued}`; `DELETE` empties the log
 * - `POST /_control/token-life` `{ms}`
 * - `POST /_control/keys` an AwsKey to add, or `{remove: accessKeyId}`
 * - `POST /_control/faults` `{count, fault}` (failNext), `{while: {accessKeyId?, region?, operation?}, fault}`
 *   (failWhile: all that is given must be equal), or `{clear: true}`
 * - `POST /_control/tokens` `{password}` → `{owner: {accountId, region, expiresAt} | null}`
 *
 * Status 200; 400 with `{error}` for a body that does not fit; 404 for another path or method.
 */
export const handleControl: ControlHandler = (standIn, request, response) => {
  if (!request.target.startsWith(PREFIX)) return false;
  const route = ROUTES[`${request.method} ${request.target}`];
  if (!route) {
    send(response, 404, { error: 'no such control request' });
    return true;
  }
  try {
    const input: unknown =
      request.body.length === 0 ? undefined : JSON.parse(Buffer.from(request.body).toString('utf8'));
    send(response, 200, route(standIn, input));
  } catch (cause) {
    const error = cause instanceof z.ZodError ? z.prettifyError(cause) : 'the body is not JSON';
    send(response, 400, { error });
  }
  return true;
};

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
