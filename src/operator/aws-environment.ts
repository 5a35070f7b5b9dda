// One look at everything that the environment says of AWS, before anything starts. What stops every start is told apart
// from what only some objects would notice (docs/design/adr/0010).

import { type AmbientSource, ambientSource, findsSharedFiles } from '../aws/ambient.ts';
import { type BundleVariable, brokenWords, type LoadedBundle, loadBundle, SOME_BROKEN } from '../aws/authorities.ts';
import { endpointMistakes } from '../aws/endpoints.ts';
import { PROXY_VARIABLES, readProxy } from '../aws/proxy.ts';
import { type FoundCredentials, parseEnvironmentKeys } from '../core/aws-keys.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** For the log: what is wrong, and the operator starts nevertheless. */
export interface Finding {
  readonly level: 'warn' | 'error';
  readonly msg: string;
  readonly message: string;
}

export interface AwsEnvironment {
  /** Sentences with the variable's name; the operator does not start when there is one. */
  readonly mistakes: readonly string[];
  readonly findings: readonly Finding[];
  /** Where the operator's own identity is looked for; undefined when no object may use it. */
  readonly ambient: AmbientSource | undefined;
  /** The file of `AWS_CA_BUNDLE`. */
  readonly bundle: LoadedBundle | undefined;
  /** The usable certificates of `NODE_EXTRA_CA_CERTS`, each PEM. */
  readonly extraAuthorities: readonly string[];
  /** How many certificates of each bundle cannot be read; 0 for a variable that is not set. */
  readonly broken: ReadonlyMap<BundleVariable, number>;
}

export interface AwsEnvironmentOptions {
  readonly env: Environment;
  /** Whether objects may use the operator's own identity. */
  readonly useAmbient: boolean;
  /** @throws when the file cannot be read */
  readonly read: (file: string) => string;
}

export function readAwsEnvironment({ env, useAmbient, read }: AwsEnvironmentOptions): AwsEnvironment {
  const mistakes = PROXY_VARIABLES.flatMap((variable) => {
    const proxy = readProxy(env, variable);
    return typeof proxy === 'string' ? proxy : [];
  });
  mistakes.push(...endpointMistakes(env));
  const findings: Finding[] = useAmbient ? keyFindings(env) : [];
  const broken = new Map<BundleVariable, number>(BUNDLES.map((variable) => [variable, 0]));
  const load = (variable: BundleVariable): LoadedBundle | string | undefined => {
    const loaded = loadBundle(variable, env, read);
    if (typeof loaded !== 'object') return loaded;
    broken.set(variable, loaded.broken.length);
    const message = brokenWords(variable, loaded.file, loaded);
    if (message !== undefined) findings.push({ level: 'error', msg: SOME_BROKEN, message });
    return loaded;
  };
  const bundle = load('AWS_CA_BUNDLE');
  if (typeof bundle === 'string') mistakes.push(bundle);
  // Node goes on without it, and whoever sets it for all programs need not even know of the operator.
  const extra = load('NODE_EXTRA_CA_CERTS');
  if (typeof extra === 'string') findings.push({ level: 'error', msg: 'A bundle is not used', message: extra });
  return {
    mistakes,
    findings,
    ambient: useAmbient ? ambientSource(env, findsSharedFiles()) : undefined,
    bundle: typeof bundle === 'object' ? bundle : undefined,
    extraAuthorities: typeof extra === 'object' ? extra.usable : [],
    broken,
  };
}

const BUNDLES: readonly BundleVariable[] = ['AWS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS'];

const NAMES = {
  accessKeyId: 'AWS_ACCESS_KEY_ID',
  secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  sessionToken: 'AWS_SESSION_TOKEN',
} as const;

/**
 * The operator's own keys, without what is around them.
 *
 * @returns a sentence when they are none; undefined when its identity does not come from the environment
 */
export function environmentKeys(env: Environment): FoundCredentials | string | undefined {
  if (ambientSource(env, false) !== 'environment') return undefined;
  return parseEnvironmentKeys(
    {
      accessKeyId: env[NAMES.accessKeyId],
      secretAccessKey: env[NAMES.secretAccessKey],
      sessionToken: env[NAMES.sessionToken] || undefined,
    },
    NAMES,
  );
}

function keyFindings(env: Environment): Finding[] {
  const keys = environmentKeys(env);
  if (typeof keys === 'string') {
    const message = `${keys}; objects with "ambient" get no login until that is mended, and the operator is started again`;
    return [{ level: 'error', msg: "The operator's own AWS keys cannot be used", message }];
  }
  if (keys) {
    if (keys.mended.length === 0) return [];
    const message = `${keys.mended.join('; ')}; the operator uses the keys without that`;
    return [{ level: 'warn', msg: "The operator's own AWS keys were mended", message }];
  }
  const [set, missing] = env[NAMES.accessKeyId]
    ? [NAMES.accessKeyId, NAMES.secretAccessKey]
    : [NAMES.secretAccessKey, NAMES.accessKeyId];
  if (!env[set]) return [];
  const message = `${set} is set and ${missing} is not: neither is used, and the operator's own identity is that of: ${ambientSource(env, findsSharedFiles())}`;
  return [{ level: 'warn', msg: "Half of the operator's own AWS keys is set", message }];
}
