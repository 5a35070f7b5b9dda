// The key of an identity: every cache, flight and refusal of AWS is found by it. Only the function here can make one.
//
// Guarantees: the keys of two identities are equal only when their kinds and all their parts are; no text that a user
// chooses can make an identity of one kind look like one of another.

import { digest } from './digest.ts';

declare const made: unique symbol;

/** `sha256:` and 32 hexadecimal digits. Shows nothing of its parts. */
export type IdentityKey = string & { readonly [made]: 'identity' };

/** The parts that distinguish two identities of one kind. An undefined part differs from an empty text. */
interface Kinds {
  /** A pair of AWS keys, wherever it is stored. */
  readonly pair: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string | undefined;
  };
  /** A role assumed with a token of a ServiceAccount. */
  readonly serviceAccount: Endpoint & {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly roleArn: string;
  };
  /** The operator's own; `variables`: what the environment says of it, as JSON. */
  readonly ambient: { readonly source: string; readonly variables: string };
  /** The operator's own, with keys requested in one region. */
  readonly ambientIn: Endpoint & { readonly ambient: IdentityKey };
  /** A role assumed with another identity. */
  readonly role: Endpoint & {
    readonly base: IdentityKey;
    readonly roleArn: string;
    readonly externalId: string | undefined;
  };
  /** An identity that calls endpoints other than the usual ones: they name other hosts. */
  readonly endpoint: Endpoint & { readonly identity: IdentityKey };
  /** An identity at one registry. */
  readonly login: Endpoint & {
    readonly identity: IdentityKey;
    readonly kind: 'private' | 'public';
    /** The account whose registry the answer must name. */
    readonly account: string | undefined;
  };
}

/** Which of AWS's endpoints is called. */
interface Endpoint {
  readonly region: string;
  readonly useFips: boolean;
  readonly useDualstack: boolean;
}

/** First in every digest here: no other digest of the program begins with it. */
const DOMAIN = 'kube-ecr-secrets-operator identity';

/**
 * @param kind   the kind of identity
 * @param parts  by name, in any order; properties besides the named parts do not count
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
  login: ['identity', 'kind', 'account', ...ENDPOINT],
} as const satisfies { readonly [Kind in keyof Kinds]: readonly (keyof Kinds[Kind])[] };

type Listed<Kind extends keyof Kinds> = (typeof PARTS)[Kind][number];
type Unlisted = { [Kind in keyof Kinds]: Exclude<keyof Kinds[Kind], Listed<Kind>> }[keyof Kinds];
/** Does not compile when a part of `Kinds` is not listed above. */
const ALL_LISTED: [Unlisted] extends [never] ? true : Unlisted = true;
void ALL_LISTED;
