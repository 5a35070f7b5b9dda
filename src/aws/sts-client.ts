// Requests the keys of a role from STS: with keys, or with a token of a ServiceAccount.

import { Failure } from '../lib/errors.ts';
import { type Clock, type EpochMs, HOUR, plus } from '../lib/time.ts';
import {
  ATTEMPTS,
  type AwsKeys,
  type Call,
  type CallInputs,
  type Endpoints,
  endpointConfig,
  keysOf,
  textsOf,
} from './calls.ts';
import type { Egress, Route } from './egress.ts';

/** Keys of a role. */
export interface TemporaryKeys extends AwsKeys {
  readonly expiresAt: EpochMs;
}

export interface RoleRequest extends Endpoints {
  readonly roleArn: string;
  /** Names the session in CloudTrail; cut and cleaned to what STS takes. */
  readonly sessionName: string;
}

export interface StsClient {
  /** @throws Failure */
  assumeRole(
    request: RoleRequest & { readonly keys: AwsKeys; readonly externalId: string | undefined },
    signal: AbortSignal,
  ): Promise<TemporaryKeys>;
  /** @throws Failure */
  assumeRoleWithToken(request: RoleRequest & { readonly token: string }, signal: AbortSignal): Promise<TemporaryKeys>;
}

export interface StsClientOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  readonly egress: Egress;
  readonly call: Call;
}

/** Assumed life of keys without an end in the answer: the shortest STS default (STS API reference, AssumeRole). */
const ASSUMED_LIFE = HOUR;
/** Bounds and characters of `RoleSessionName` (STS API reference, AssumeRole). */
const LONGEST_SESSION_NAME = 64;

export function createStsClient({ clock, userAgent, egress, call }: StsClientOptions): StsClient {
  const configOf = (request: RoleRequest, { handler }: Route) => ({
    ...endpointConfig(request),
    maxAttempts: ATTEMPTS,
    customUserAgent: userAgent,
    requestHandler: handler,
  });
  const asked = (
    { region, roleArn, sessionName, externalId }: RoleRequest & { readonly externalId?: string | undefined },
    sentWith: CallInputs['sentWith'],
    { proxy }: Route,
  ): CallInputs => {
    const written = [roleArn, externalId, sessionName];
    return { service: 'STS', region, what: 'role', sentWith, written, proxy };
  };

  return {
    async assumeRole(request, signal) {
      const { roleArn, sessionName, keys, externalId } = request;
      const { AssumeRoleCommand, STSClient } = await (await import('./sdk.ts')).loadSts();
      const route = egress.route();
      const client = new STSClient({ ...configOf(request, route), credentials: keysOf(keys) });
      const command = new AssumeRoleCommand({
        RoleArn: roleArn,
        RoleSessionName: cleaned(sessionName),
        ...(externalId === undefined ? {} : { ExternalId: externalId }),
      });
      const send = async (abortSignal: AbortSignal): Promise<TemporaryKeys> =>
        temporaryKeysOf(await client.send(command, { abortSignal }), clock.now());
      return await call('AssumeRole', asked(request, textsOf(keys), route), send, signal);
    },
    async assumeRoleWithToken(request, signal) {
      const { roleArn, sessionName, token } = request;
      const { AssumeRoleWithWebIdentityCommand, STSClient } = await (await import('./sdk.ts')).loadSts();
      // This operation is not signed: the token is the only proof. Empty keys keep the SDK from looking for some.
      const route = egress.route();
      const client = new STSClient({
        ...configOf(request, route),
        credentials: { accessKeyId: '', secretAccessKey: '' },
      });
      const command = new AssumeRoleWithWebIdentityCommand({
        RoleArn: roleArn,
        RoleSessionName: cleaned(sessionName),
        WebIdentityToken: token,
      });
      const send = async (abortSignal: AbortSignal): Promise<TemporaryKeys> =>
        temporaryKeysOf(await client.send(command, { abortSignal }), clock.now());
      return await call('AssumeRoleWithWebIdentity', asked(request, [token], route), send, signal);
    },
  };
}

interface Answer {
  readonly Credentials?:
    | {
        readonly AccessKeyId?: string | undefined;
        readonly SecretAccessKey?: string | undefined;
        readonly SessionToken?: string | undefined;
        readonly Expiration?: object | undefined;
      }
    | undefined;
}

function temporaryKeysOf({ Credentials }: Answer, now: EpochMs): TemporaryKeys {
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = Credentials ?? {};
  if (!accessKeyId || !secretAccessKey || !sessionToken) {
    throw new Failure({ next: 'backoff', reason: 'BadSTSAnswer', message: "STS's answer holds no keys" });
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiresAt: endOf(Credentials?.Expiration, now) };
}

/** @param end  a Date of the SDK */
export function endOf(end: object | undefined, now: EpochMs): EpochMs {
  const at = end === undefined ? Number.NaN : Number(end);
  return Number.isFinite(at) ? (at as EpochMs) : plus(now, ASSUMED_LIFE);
}

function cleaned(name: string): string {
  return name.replaceAll(/[^\w+=,.@-]/g, '-').slice(0, LONGEST_SESSION_NAME);
}
