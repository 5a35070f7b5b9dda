// The key of an identity: what every cache, flight and refusal of AWS is found by. One function makes it, and nothing else can.
//
// Guarantees: the keys of two identities are the same only when their kinds and all their parts are; no text that a user
// chooses can make an identity of one kind look like one of another.

import { digest } from './digest.ts';

declare const made: unique symbol;

/** `sha256:` and 32 hexadecimal digits. Shows nothing of its parts. */
export type IdentityKey = string & { readonly [made]: 'identity' };

/** What tells two identities of one kind apart. A part that is undefined is another one than an empty text. */
interface Kinds {
  /** A pair of AWS keys, wherever it stands. */
  readonly pair: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string | undefined;
  };
  /** A role that is taken with a token of a ServiceAccount. */
  readonly serviceAccount: Endpoint & {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly roleArn: string;
  };
  /** The operator's own; `variables` as JSON: what the environment says of it. */
  readonly ambient: { readonly source: string; readonly variables: string };
  /** The operator's own, with keys that are asked for in one region. */
  readonly ambientIn: Endpoint & { readonly ambient: IdentityKey };
  /** A role that is taken with another identity. */
  readonly role: Endpoint & {
    readonly base: IdentityKey;
    readonly roleArn: string;
    readonly externalId: string | undefined;
  };
  /** An identity that asks at other endpoints than the usual ones: they name other hosts. */
  readonly endpoint: Endpoint & { readonly identity: IdentityKey };
  /** An identity at one registry. */
  readonly login: Endpoint & {
    readonly identity: IdentityKey;
    readonly registry: 'private' | 'public';
    /** Whose registry the answer has to name. */
    readonly account: string | undefined;
  };
}

/** Which of AWS's endpoints is asked. */
interface Endpoint {
  readonly region: string;
  readonly useFips: boolean;
  readonly useDualstack: boolean;
}

/** First of everything that is digested: no other digest of the program begins with it. */
const DOMAIN = 'kube-ecr-secrets-operator identity';

/**
 * @param kind   what kind of identity it is
 * @param parts  by name, in any order; what they hold besides the named parts does not count
 */
export function identityKey<Kind extends keyof Kinds>(kind: Kind, parts: Kinds[Kind]): IdentityKey {
  const named = PARTS[kind].flatMap((name) => {
    const value = Reflect.get(parts, name) as string | boolean | undefined;
    return value === undefined ? [] : [name, String(value)];
  });
  // The digest writes the length of each text before it: kind, names and values cannot run into one another.
  return digest(DOMAIN, kind, ...named) as IdentityKey;
}

const ENDPOINT = ['region', 'useFips', 'useDualstack'] as const;

/** The names of all parts of a kind, sorted here once. A part that is missing here does not compile. */
const PARTS = {
  pair: ['accessKeyId', 'secretAccessKey', 'sessionToken'],
  serviceAccount: ['namespace', 'name', 'uid', 'roleArn', ...ENDPOINT],
  ambient: ['source', 'variables'],
  ambientIn: ['ambient', ...ENDPOINT],
  role: ['base', 'roleArn', 'externalId', ...ENDPOINT],
  endpoint: ['identity', ...ENDPOINT],
  login: ['identity', 'registry', 'account', ...ENDPOINT],
} as const satisfies { readonly [Kind in keyof Kinds]: readonly (keyof Kinds[Kind])[] };

type Listed<Kind extends keyof Kinds> = (typeof PARTS)[Kind][number];
type Unlisted = { [Kind in keyof Kinds]: Exclude<keyof Kinds[Kind], Listed<Kind>> }[keyof Kinds];
/** Whoever adds a part and does not list it is told here. */
const ALL_LISTED: [Unlisted] extends [never] ? true : Unlisted = true;
void ALL_LISTED;
