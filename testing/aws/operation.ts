// The parts of a service of the stand-in: operations, each with its protocol.

import type { EpochMs } from '../../src/lib/time.ts';
import type { Caller, Iam } from './iam.ts';
import type { Refusal } from './refusal.ts';
import type { IssuedToken } from './token-issuer.ts';

export type Outcome = { readonly ok: true; readonly body: unknown; readonly tokenExpiresAt?: EpochMs } | Refusal;

/** What an operation may use besides its input. */
export interface Setting {
  /** From the verified credential scope; of an unsigned call, ''. */
  readonly region: string;
  readonly now: EpochMs;
  readonly iam: Iam;
  /** Makes one token for an account, now. */
  readonly issue: (accountId: string) => IssuedToken;
  /** What stands for the registry of every account; undefined: those of AWS. */
  readonly registry: string | undefined;
}

interface Named {
  /** Name in the log. */
  readonly name: string;
  /** Signing name that the credential scope must hold. */
  readonly service: string;
}

/** Requested by the header `X-Amz-Target`, in JSON (AWS JSON 1.1). */
export interface JsonOperation extends Named {
  readonly protocol: 'json';
  readonly target: string;
  /** @param input  the parsed body */
  run(caller: Caller, input: unknown, setting: Setting): Outcome;
}

/** Requested by the parameter `Action` of a form, answered in XML (AWS Query). */
export interface QueryOperation extends Named {
  readonly protocol: 'query';
  /** false: the call carries no signature, and `caller` is undefined. */
  readonly isSigned: boolean;
  /** The body of a good outcome is XML: the content of `<NameResult>`. */
  run(caller: Caller | undefined, input: URLSearchParams, setting: Setting): Outcome;
}

export type Operation = JsonOperation | QueryOperation;
