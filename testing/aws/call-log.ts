// What the stand-in logs of each call: claims and outcomes, never a secret, a token or a signature.

import type { EpochMs } from '../../src/lib/time.ts';
import { headerValues, type WireRequest } from './canonical-request.ts';
import type { Fault } from './faults.ts';
import type { Operation } from './operation.ts';
import { formOf } from './services.ts';
import { claimedScope } from './sigv4.ts';

/** One call, as logged. `operation`, `accessKeyId`, `region` and `service` are the caller's claims, '' if absent. */
export interface AwsCall {
  readonly at: EpochMs;
  readonly operation: string;
  /** Host and port in the caller's `Host` header. */
  readonly host: string;
  /** '(malformed)' when it does not look like an ID: it may be a misplaced secret. */
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
  readonly userAgent: string;
  /** ARN of the verified signer. */
  readonly principal?: string;
  /** Of STS: the requested role, and the name of the session. */
  readonly roleArn?: string;
  readonly sessionName?: string;
  /** HTTP status the caller got; 0 until it has one, and for ever when the call hangs, is reset, or the caller left. */
  readonly status: number;
  readonly errorCode?: string;
  /** The fault the call suffered. */
  readonly fault?: Fault['op'];
  /** The end of the token that the call returned. */
  readonly tokenExpiresAt?: EpochMs;
}

/**
 * Access key IDs are upper-case letters and digits (IAM API reference, AccessKey); secrets have lower-case letters too.
 */
const KEY_ID = /^[A-Z0-9]{4,128}$/;

const first = ({ headers }: WireRequest, name: string): string => headerValues(headers, name)[0] ?? '';

/** A call that has just come in and has no status yet. */
export function openCall(wire: WireRequest, operation: Operation | undefined, at: EpochMs): AwsCall {
  const { accessKeyId: id, region, service } = claimedScope(wire) ?? NO_CLAIM;
  return {
    at,
    operation: operation?.name ?? '',
    host: first(wire, 'host'),
    accessKeyId: id === '' || KEY_ID.test(id) ? id : '(malformed)',
    region,
    service: service || (operation?.service ?? ''),
    userAgent: first(wire, 'user-agent'),
    ...(operation?.protocol === 'query' ? roleOf(formOf(wire)) : {}),
    status: 0,
  };
}

const NO_CLAIM = { accessKeyId: '', region: '', service: '' };

function roleOf(form: URLSearchParams): Pick<AwsCall, 'roleArn' | 'sessionName'> {
  const [roleArn, sessionName] = [form.get('RoleArn'), form.get('RoleSessionName')];
  return { ...(roleArn ? { roleArn } : {}), ...(sessionName ? { sessionName } : {}) };
}
