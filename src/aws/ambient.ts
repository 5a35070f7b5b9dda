// The operator's own AWS identity: found where the environment says it is, never guessed; errors quote the source.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../lib/errors.ts';
import { type IdentityKey, identityKey } from '../lib/identity-key.ts';
import { othersWords } from '../lib/others-words.ts';
import { type Clock, dateOf, parseRfc3339 } from '../lib/time.ts';
import { type AwsKeys, type Call, type Endpoints, endpointConfig } from './calls.ts';
import type { Egress } from './egress.ts';
import { endOf, type TemporaryKeys } from './sts-client.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export type AmbientSource = 'environment' | 'web identity' | 'container' | 'shared config' | 'instance role';

export interface AmbientIdentity {
  readonly source: AmbientSource;
  /** Changes when the environment names another identity; what only a call can find out does not count. */
  readonly identity: IdentityKey;
  /** @throws Failure that names the source and quotes its error */
  keys(endpoints: Endpoints, signal: AbortSignal): Promise<TemporaryKeys>;
}

export interface AmbientOptions {
  readonly env: Environment;
  /** The keys of the environment, or what is wrong with them; undefined when the identity does not come from there. */
  readonly environmentKeys: AwsKeys | string | undefined;
  readonly clock: Clock;
  readonly egress: Egress;
  readonly call: Call;
}

/** The SDK's own name has the time in it, and AWS repeats it in each denial. */
function sessionName(env: Environment): string {
  return env['AWS_ROLE_SESSION_NAME'] || 'kube-ecr-secrets-operator';
}

/** A metadata service that does not answer within this is taken as absent; tried once more. */
const METADATA_TIMEOUT_MS = 2_000;

/**
 * Where the identity is found. In the order of the SDK's own chain, but decided by what is set, not by what fails: a
 * chain that falls through shows the last failure, which says nothing of the one that matters (aws/aws-sdk-js-v3#8101).
 *
 * @param hasSharedFiles  whether the process's user has AWS configuration files, as a developer has and a pod has not
 */
export function ambientSource(env: Environment, hasSharedFiles: boolean): AmbientSource {
  if (env['AWS_ACCESS_KEY_ID'] && env['AWS_SECRET_ACCESS_KEY']) return 'environment';
  if (env['AWS_WEB_IDENTITY_TOKEN_FILE'] && env['AWS_ROLE_ARN']) return 'web identity';
  if (env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] || env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']) return 'container';
  if (env['AWS_PROFILE'] || env['AWS_CONFIG_FILE'] || env['AWS_SHARED_CREDENTIALS_FILE']) return 'shared config';
  return hasSharedFiles ? 'shared config' : 'instance role';
}

/** Whether the process's user has AWS configuration files. */
export function findsSharedFiles(): boolean {
  return ['credentials', 'config'].some((name) => existsSync(join(homedir(), '.aws', name)));
}

/** The variables that name the identity, by source. */
const NAMING: Readonly<Record<AmbientSource, readonly string[]>> = {
  environment: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  'web identity': ['AWS_ROLE_ARN'],
  container: [],
  'shared config': ['AWS_PROFILE', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE'],
  'instance role': [],
};

export function createAmbientIdentity(options: AmbientOptions): AmbientIdentity {
  const { env, environmentKeys, clock, egress, call } = options;
  const source = ambientSource(env, findsSharedFiles());
  const route = egress.route();
  const named =
    typeof environmentKeys === 'object'
      ? [environmentKeys.accessKeyId, environmentKeys.secretAccessKey]
      : NAMING[source].map((name) => env[name]);

  const provide = async (endpoints: Endpoints): Promise<Provided> => {
    if (source === 'environment') return keysInForce(environmentKeys, env);
    const providers = await (await import('./sdk.ts')).loadProviders();
    const clientConfig = { ...endpointConfig(endpoints), requestHandler: route.handler };
    switch (source) {
      case 'web identity':
        return await providers.fromTokenFile({ clientConfig, roleSessionName: sessionName(env) })();
      case 'container':
        return await providers.fromHttp()();
      case 'shared config':
        return await providers.fromIni({ clientConfig })();
      case 'instance role':
        if (env['AWS_EC2_METADATA_DISABLED'] === 'true') throw new Error('AWS_EC2_METADATA_DISABLED is set');
        return await providers.fromInstanceMetadata({
          timeout: METADATA_TIMEOUT_MS,
          maxRetries: 1,
          // Version 1 needs no session: an attacker who could make the operator send a request would get the role.
          ec2MetadataV1Disabled: true,
        })();
    }
  };

  /** By endpoint: calls of a source without an answer so far, whether or not their callers gave up. */
  const underWay = new Map<string, Promise<Provided>>();
  /**
   * One call at a time: an abandoned one goes on, such as a program that never ends (`credential_process`), and retries
   * must not add further ones.
   */
  const provideOnce = (endpoints: Endpoints): Promise<Provided> => {
    const at = source === 'shared config' ? '' : JSON.stringify(endpointConfig(endpoints));
    const begun = underWay.get(at) ?? provide(endpoints).finally(() => underWay.delete(at));
    underWay.set(at, begun);
    return begun;
  };

  return {
    source,
    identity: identityKey('ambient', { source, variables: JSON.stringify(named) }),
    async keys(endpoints, signal) {
      const send = async (): Promise<TemporaryKeys> => {
        try {
          const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provideOnce(endpoints);
          const session = sessionToken === undefined ? {} : { sessionToken };
          return { accessKeyId, secretAccessKey, ...session, expiresAt: endOf(expiration, clock.now()) };
        } catch (thrown) {
          throw ownWords(source, thrown) ?? thrown;
        }
      };
      const asked = {
        service: 'STS',
        region: endpoints.region,
        what: 'role',
        awaited: called(source),
        sentWith: [],
        proxy: route.proxy,
      } as const;
      return await call('AmbientCredentials', asked, send, signal);
    },
  };
}

/** @throws Failure when the environment holds no pair that can be sent */
function keysInForce(keys: AwsKeys | string | undefined, env: Environment): Provided {
  if (typeof keys === 'object') {
    const end = parseRfc3339(env['AWS_CREDENTIAL_EXPIRATION']);
    return { ...keys, ...(end === undefined ? {} : { expiration: dateOf(end) }) };
  }
  throw new Failure({
    next: 'change',
    reason: 'AmbientCredentials',
    message: `${called('environment')} could not be had: ${keys ?? 'it has no keys'}`,
  });
}

interface Provided {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: object | undefined;
}

const LONGEST_WORDS = 400;
/** The SDK would go on with version 1, and then tells only that it must not: whatever the service had answered. */
const NO_SESSION = 'InstanceMetadataV1FallbackError';
const NO_SESSION_WORDS =
  'the metadata service of the instance opened no session (IMDSv2): it does not answer, refuses, or is switched off; most often its hop limit is 1, and pods need 2';

function called(source: AmbientSource): string {
  return `the operator's own AWS identity (${source})`;
}

/** A failure that is no answer of an AWS service: a missing file, an agent that refuses. */
function ownWords(source: AmbientSource, thrown: unknown): Failure | undefined {
  if (!(thrown instanceof Error) || thrown instanceof Failure || '$fault' in thrown) return undefined;
  const status: unknown = Reflect.get(thrown, 'statusCode');
  const detail = typeof status === 'number' ? ` (status ${status})` : '';
  const words = thrown.name === NO_SESSION ? NO_SESSION_WORDS : othersWords(thrown.message, LONGEST_WORDS);
  return new Failure({
    next: 'backoff',
    reason: 'AmbientCredentials',
    message: `${called(source)} could not be had: ${words}${detail}`,
    cause: thrown,
  });
}
