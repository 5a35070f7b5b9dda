// What moves the keys in an object's spec into a Secret, without a moment in which the object has none. Pure.

import { CREDENTIAL_KEYS, CREDENTIALS_LABEL, DOCKER_CONFIG_TYPE, SECRET_NAME_MAX_LENGTH } from '../api/names.ts';
import { type JsonRecord, recordOf, stringMapOf, stringOf } from '../lib/json.ts';
import { type Credentials, parseCredentials, parseInlinePair } from './aws-keys.ts';
import { credentialsNamespace, type PullSecretObject } from './resource.ts';

export interface Migration {
  readonly object: PullSecretObject;
  /** Where the Secret with the keys is to be. */
  readonly namespace: string;
  readonly secretName: string;
  readonly credentials: Credentials;
}

const SUFFIX = '-aws-keys';
/** A whole copy of the object, keys too, as kubectl keeps it (Kubernetes, well-known annotations). */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * @returns undefined when the keys are not in the object's spec; a sentence when those there cannot be read
 */
export function planMigration(object: PullSecretObject, operatorNamespace: string): Migration | string | undefined {
  const awsAccess = recordOf(object.spec['awsAccess']);
  if (awsAccess['accessKeyId'] === undefined && awsAccess['secretAccessKey'] === undefined) return undefined;
  const found = parseInlinePair(awsAccess['accessKeyId'], awsAccess['secretAccessKey']);
  if (typeof found === 'string') return found;
  const { accessKeyId, secretAccessKey } = found.credentials;
  const data = {
    [CREDENTIAL_KEYS.accessKeyId]: base64(accessKeyId),
    [CREDENTIAL_KEYS.secretAccessKey]: base64(secretAccessKey),
  };
  const inSecret = parseCredentials(data, CREDENTIAL_KEYS);
  if (typeof inSecret === 'string') return `its keys would be refused in a Secret: ${inSecret}`;
  const secretName = `${object.name.slice(0, SECRET_NAME_MAX_LENGTH - SUFFIX.length)}${SUFFIX}`;
  const namespace = credentialsNamespace(object, operatorNamespace);
  return { object, namespace, secretName, credentials: found.credentials };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The Secret with the keys. */
export function keysSecret({ namespace, secretName, credentials }: Migration): JsonRecord {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName, namespace, labels: { [CREDENTIALS_LABEL]: 'true' } },
    type: 'Opaque',
    stringData: {
      [CREDENTIAL_KEYS.accessKeyId]: credentials.accessKeyId,
      [CREDENTIAL_KEYS.secretAccessKey]: credentials.secretAccessKey,
    },
  };
}

/** Whether a Secret that is there already holds these keys, and so may be named. */
export function holdsKeys(secret: JsonRecord, { credentials }: Migration): boolean {
  const data = stringMapOf(secret['data']);
  const text = (name: string): string => Buffer.from(data.get(name) ?? '', 'base64').toString('utf8');
  return (
    stringOf(secret['type']) !== DOCKER_CONFIG_TYPE &&
    text(CREDENTIAL_KEYS.accessKeyId) === credentials.accessKeyId &&
    text(CREDENTIAL_KEYS.secretAccessKey) === credentials.secretAccessKey
  );
}

/** Takes the keys, and kubectl's copy of them, out of this object in this version, and names the Secret. */
export function keysPatch({ object: { uid, resourceVersion }, secretName }: Migration): JsonRecord {
  const awsAccess = { accessKeyId: null, secretAccessKey: null, secretRef: { name: secretName } };
  return { metadata: { uid, resourceVersion, annotations: { [LAST_APPLIED]: null } }, spec: { awsAccess } };
}
