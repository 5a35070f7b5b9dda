// The operations of STS that the stand-in answers.

import { formatRfc3339 } from '../../src/lib/time.ts';
import type { Session } from './iam.ts';
import type { Outcome, QueryOperation } from './operation.ts';
import { escapeXml } from './query-protocol.ts';
import { type Refusal, refuse } from './refusal.ts';

/** Bounds and characters (STS API reference, AssumeRole). */
const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/;

function checked(input: URLSearchParams): { roleArn: string; sessionName: string } | Refusal {
  const roleArn = input.get('RoleArn') ?? '';
  const sessionName = input.get('RoleSessionName') ?? '';
  if (!ROLE_ARN.test(roleArn)) return refuse('ValidationError', `${roleArn} is invalid`);
  if (!SESSION_NAME.test(sessionName))
    return refuse(
      'ValidationError',
      "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint",
    );
  return { roleArn, sessionName };
}

function credentialsOf({ key }: Session): string {
  const fields = {
    AccessKeyId: key.accessKeyId,
    SecretAccessKey: key.secretAccessKey,
    SessionToken: key.sessionToken,
    Expiration: formatRfc3339(key.expiresAt),
  };
  const xml = Object.entries(fields).map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`);
  return `<Credentials>${xml.join('')}</Credentials><AssumedRoleUser><Arn>${escapeXml(key.principal)}</Arn></AssumedRoleUser>`;
}

function outcomeOf(session: Session | Refusal): Outcome {
  return 'code' in session ? session : { ok: true, body: credentialsOf(session) };
}

const assumeRole: QueryOperation = {
  protocol: 'query',
  name: 'AssumeRole',
  service: 'sts',
  isSigned: true,
  run(caller, input, { iam, now }) {
    const request = checked(input);
    if ('code' in request) return request;
    if (!caller) return refuse('AccessDenied', 'Request is missing Authentication Token', 403);
    const externalId = input.get('ExternalId') ?? undefined;
    return outcomeOf(iam.assumeRole(caller, { ...request, externalId }, now));
  },
};

const assumeRoleWithWebIdentity: QueryOperation = {
  protocol: 'query',
  name: 'AssumeRoleWithWebIdentity',
  service: 'sts',
  isSigned: false,
  run(_caller, input, { iam, now }) {
    const request = checked(input);
    if ('code' in request) return request;
    return outcomeOf(iam.assumeRoleWithToken(input.get('WebIdentityToken') ?? '', request, now));
  },
};

const getCallerIdentity: QueryOperation = {
  protocol: 'query',
  name: 'GetCallerIdentity',
  service: 'sts',
  isSigned: true,
  run(caller) {
    const { principal = '', accountId = '' } = caller ?? {};
    return { ok: true, body: `<Arn>${escapeXml(principal)}</Arn><Account>${accountId}</Account>` };
  },
};

export const STS_OPERATIONS: readonly QueryOperation[] = [assumeRole, assumeRoleWithWebIdentity, getCallerIdentity];
