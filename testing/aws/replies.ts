// Reads requests from and writes answers to sockets in the manner of AWS JSON 1.1 or AWS Query. Decides nothing.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { EpochMs } from '../../src/lib/time.ts';
import type { Header } from './canonical-request.ts';
import type { Fault } from './faults.ts';
import type { Operation } from './operation.ts';
import { queryAnswer, queryError } from './query-protocol.ts';
import type { Refusal } from './refusal.ts';

export const JSON_CONTENT_TYPE = 'application/x-amz-json-1.1';

/** Own choice: a GetAuthorizationToken body has some hundred bytes. */
const MAX_BODY_BYTES = 64 * 1_024;

/** A sender of more is disconnected before it gets its refusal. */
const MAX_DRAIN_BYTES = 1_024 * 1_024;

/**
 * The whole body; undefined when it is over 64 KiB (nothing over that is kept).
 *
 * @throws when the connection breaks, or the body is over 1 MiB, which breaks it
 */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_DRAIN_BYTES) throw new Error('request body over 1 MiB');
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return length > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks);
}

/** Node's flat list (name, value, name, value, …) as pairs. */
export function headerPairs(rawHeaders: readonly string[]): readonly Header[] {
  const pairs: Header[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    pairs.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '']);
  return pairs;
}

/** The protocol of the request, and so of its answer. */
export type Manner = Pick<Operation, 'protocol' | 'name'>;

/** A success. `now` becomes the `Date` header, from which the SDK corrects its own clock. */
export function sendAnswer(response: ServerResponse, body: unknown, manner: Manner, now: EpochMs): void {
  const isXml = manner.protocol === 'query';
  const text = isXml ? queryAnswer(manner.name, String(body)) : JSON.stringify(body);
  send(response, { status: 200, contentType: contentTypeOf(manner), body: text }, now);
}

/** An error: `{"__type": code, "message": message}`, or its XML equivalent. */
export function sendRefusal(
  response: ServerResponse,
  refusal: Omit<Refusal, 'ok'>,
  manner: Manner,
  now: EpochMs,
): void {
  const { code, message, status } = refusal;
  const body = manner.protocol === 'query' ? queryError(refusal) : JSON.stringify({ __type: code, message });
  send(response, { status, contentType: contentTypeOf(manner), body }, now);
}

function contentTypeOf({ protocol }: Manner): string {
  return protocol === 'query' ? 'text/xml' : JSON_CONTENT_TYPE;
}

/** A fault that replaces the answer; the stand-in carries out the others. */
export type ReplacingFault = Exclude<Fault, { readonly op: 'delay' | 'hold' | 'answer' }>;

/**
 * Carries out a fault.
 *
 * @returns the HTTP status the caller sees, 0 when it sees none
 */
export function carryOut(fault: ReplacingFault, response: ServerResponse, manner: Manner, now: EpochMs): number {
  switch (fault.op) {
    case 'error':
      sendRefusal(response, fault, manner, now);
      return fault.status;
    case 'garbage':
      send(response, fault, now);
      return fault.status;
    case 'hangAfterHeaders':
      // The announced length never comes, so the caller waits for the rest.
      response.writeHead(200, headers(contentTypeOf(manner), 3_000, now));
      response.flushHeaders();
      return 200;
    case 'reset':
      response.socket?.resetAndDestroy();
      break;
    case 'hang':
      break;
  }
  return 0;
}

interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

function send(response: ServerResponse, reply: Reply, now: EpochMs): void {
  if (response.destroyed) return;
  response.writeHead(reply.status, headers(reply.contentType, Buffer.byteLength(reply.body), now));
  response.end(reply.body);
}

function headers(contentType: string, length: number, now: EpochMs): Record<string, string> {
  return {
    'x-amzn-RequestId': randomUUID(),
    'content-type': contentType,
    'content-length': String(length),
    date: new Date(now).toUTCString(),
  };
}
