// From a request to the requested operation and its input.

import { headerValues, type WireRequest } from './canonical-request.ts';
import { ECR_OPERATIONS } from './ecr-operations.ts';
import type { JsonOperation, Operation, QueryOperation } from './operation.ts';
import { FORM_CONTENT_TYPE } from './query-protocol.ts';
import { JSON_CONTENT_TYPE } from './replies.ts';
import { STS_OPERATIONS } from './sts-operations.ts';

/** undefined for an operation that no service here has. */
export function operationOf(wire: WireRequest): Operation | undefined {
  const [contentType = ''] = headerValues(wire.headers, 'content-type');
  if (contentType === JSON_CONTENT_TYPE) {
    const [target] = headerValues(wire.headers, 'x-amz-target');
    return ECR_OPERATIONS.find((operation) => operation.target === target);
  }
  if (!contentType.startsWith(FORM_CONTENT_TYPE)) return undefined;
  const action = formOf(wire).get('Action');
  return STS_OPERATIONS.find(({ name }) => name === action);
}

export function formOf({ body }: WireRequest): URLSearchParams {
  return new URLSearchParams(Buffer.from(body).toString('utf8'));
}

export type Input =
  | { readonly protocol: 'query'; readonly operation: QueryOperation; readonly form: URLSearchParams }
  /** `json` is undefined when the body is none; an empty body counts as `{}`. */
  | { readonly protocol: 'json'; readonly operation: JsonOperation; readonly json: unknown };

export function inputOf(wire: WireRequest, operation: Operation): Input {
  return operation.protocol === 'query'
    ? { protocol: 'query', operation, form: formOf(wire) }
    : { protocol: 'json', operation, json: parseJson(wire.body) };
}

function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}
