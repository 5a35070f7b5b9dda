// The Secret with the webhook's certificate authority: the only stored certificate, shared by all replicas.
//
// Guarantees: replicas that start at once end up with one authority. The operator never writes a Secret of another
// type.

import { SECRETS } from '../../api/meta.ts';
import { AUTHORITY_TYPE, OPERATOR_NAME } from '../../api/names.ts';
import { isConflict, isOtherObject } from '../../kube/api-error.ts';
import type { KubeReader, KubeWriter } from '../../kube/client.ts';
import { Failure } from '../../lib/errors.ts';
import { type JsonRecord, recordOf, stringOf } from '../../lib/json.ts';
import type { EpochMs } from '../../lib/time.ts';
import { certificatesIn, isDue, isGood, type KeyPair, readAuthority, trusted } from '../../pki/certificate.ts';
import type { Signer } from './certificate-source.ts';

/** What all replicas agree on. */
export interface Authorities {
  /** Signs. */
  readonly newest: KeyPair;
  /** PEM: what clients must trust, the newest first. */
  readonly trusted: readonly string[];
}

export interface AuthoritySecret {
  /**
   * Reads the Secret; makes or renews the authority when it is missing, broken or due.
   *
   * @param known  certificates of authorities whose leaves this process still serves, in case the Secret was lost
   * @returns undefined when another writer changed it at this moment: the caller reads it again
   * @throws Failure
   */
  ensure(known: readonly string[], now: EpochMs, signal: AbortSignal): Promise<Authorities | undefined>;
}

export interface AuthoritySecretOptions {
  readonly client: Pick<KubeReader, 'find'> & Pick<KubeWriter, 'create' | 'patch'>;
  readonly namespace: string;
  readonly name: string;
  readonly signer: () => Promise<Signer>;
  /** Gets the reason why a new authority was made. */
  readonly onMade: (why: string) => void;
}

/** Keys of the Secret: those of kubernetes.io/tls for the newest, and all that are trusted. */
const KEYS = { certificate: 'tls.crt', key: 'tls.key', bundle: 'ca.crt' } as const;

export function createAuthoritySecret(options: AuthoritySecretOptions): AuthoritySecret {
  const { client, namespace, name, signer } = options;
  return {
    async ensure(known, now, signal) {
      const secret = await client.find(SECRETS, namespace, name, signal);
      if (!secret) return await create(options, await make(signer, known, now), signal);
      if (secret['type'] !== AUTHORITY_TYPE) throw notOurs(namespace, name);
      const replaceBy = async (older: readonly string[], why: string): Promise<Authorities | undefined> =>
        await replace(options, secret, await make(signer, older, now), why, signal);
      const data = recordOf(secret['data']);
      const newest = readAuthority(text(data, KEYS.certificate), text(data, KEYS.key));
      if (typeof newest === 'string') return await replaceBy(known, `the Secret ${newest}`);
      // All replicas trust what the Secret holds and nothing else: otherwise they would overwrite each other.
      const all = [newest.certificate, ...certificatesIn(text(data, KEYS.bundle))];
      if (isDue(newest, now)) return await replaceBy(isGood(newest, now) ? all : known, 'the former one was due');
      return { newest, trusted: trusted(all, (await signer()).LEAF_LIFE, now) };
    },
  };
}

/** @param older  certificates of the authorities before it */
async function make(
  signer: AuthoritySecretOptions['signer'],
  older: readonly string[],
  now: EpochMs,
): Promise<Authorities> {
  const { makeAuthority, LEAF_LIFE } = await signer();
  const newest = await makeAuthority(now);
  return { newest, trusted: trusted([newest.certificate, ...older], LEAF_LIFE, now) };
}

function dataOf({ newest, trusted }: Authorities): JsonRecord {
  return {
    [KEYS.certificate]: base64(newest.certificate),
    [KEYS.key]: base64(newest.key),
    [KEYS.bundle]: base64(trusted.join('')),
  };
}

async function create(
  { client, namespace, name, onMade }: AuthoritySecretOptions,
  made: Authorities,
  signal: AbortSignal,
): Promise<Authorities | undefined> {
  const metadata = { name, labels: { 'app.kubernetes.io/name': OPERATOR_NAME } };
  const body = { apiVersion: 'v1', kind: 'Secret', metadata, type: AUTHORITY_TYPE, data: dataOf(made) };
  try {
    await client.create(SECRETS, namespace, body, signal);
  } catch (thrown) {
    if (isConflict(thrown)) return undefined;
    throw thrown;
  }
  onMade('there was none');
  return made;
}

async function replace(
  { client, namespace, name, onMade }: AuthoritySecretOptions,
  secret: JsonRecord,
  made: Authorities,
  why: string,
  signal: AbortSignal,
): Promise<Authorities | undefined> {
  const { uid, resourceVersion } = recordOf(secret['metadata']);
  const body = { metadata: { uid, resourceVersion }, data: dataOf(made) };
  try {
    await client.patch(SECRETS, { namespace, name }, body, signal);
  } catch (thrown) {
    if (isOtherObject(thrown)) return undefined;
    throw thrown;
  }
  onMade(why);
  return made;
}

function notOurs(namespace: string, name: string): Failure {
  const message = `secret ${name} in namespace ${namespace} is not of type ${AUTHORITY_TYPE}: it is left alone; name another one by --webhook-authority-secret`;
  return new Failure({ next: 'change', reason: 'SecretConflict', message });
}

function text(data: JsonRecord, key: string): string {
  return Buffer.from(stringOf(data[key]) ?? '', 'base64').toString('utf8');
}

function base64(value: string): string {
  return Buffer.from(value).toString('base64');
}
