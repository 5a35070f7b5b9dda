// A Secret with logins, read for people: whose it is, which hosts it opens, when it ends. Never a password.

import {
  DOCKER_CONFIG_KEY,
  DOCKER_CONFIG_TYPE,
  EXPIRY_ANNOTATION,
  MANAGED_BY_LABEL,
  OPERATOR_NAME,
  OWNER_UID_LABEL,
} from '../api/names.ts';
import { hostsIn } from '../core/docker-config.ts';
import type { FoundSecret } from '../core/pull-facts.ts';
import { isRecord, type JsonRecord, parseJson, recordOf, stringMapOf, stringOf } from '../lib/json.ts';
import { type EpochMs, parseRfc3339 } from '../lib/time.ts';
import { seenSecretOf } from '../operator/state/reduced-objects.ts';

/** The older form that the kubelet reads too: the entries without `auths` around them (Kubernetes, Secret types). */
const OLD_TYPE = 'kubernetes.io/dockercfg';
const OLD_KEY = '.dockercfg';

export function readPullSecret(raw: JsonRecord): FoundSecret {
  const metadata = recordOf(raw['metadata']);
  const labels = stringMapOf(metadata['labels']);
  const isManaged = labels.get(MANAGED_BY_LABEL) === OPERATOR_NAME;
  return {
    type: stringOf(raw['type']) ?? '',
    hosts: hostsOf(raw),
    // Anybody may set the annotation: on a Secret of others it means what they mean by it.
    endsAt:
      (isManaged ? parseRfc3339(stringMapOf(metadata['annotations']).get(EXPIRY_ANNOTATION)) : undefined) ??
      firstEnd(raw),
    since: parseRfc3339(stringOf(metadata['creationTimestamp'])),
    writerUid: seenSecretOf(raw)?.ownerUid ?? (isManaged ? labels.get(OWNER_UID_LABEL) : undefined),
  };
}

/** One entry of a docker config. */
export interface HostLogin {
  /** As it stands there, with or without a scheme, a path and patterns. */
  readonly host: string;
  /** Empty: there is none. */
  readonly username: string;
  readonly password: string;
}

/** @returns undefined for a Secret from which the kubelet takes no login */
export function readLogins(raw: JsonRecord): readonly HostLogin[] | undefined {
  const data = stringMapOf(raw['data']);
  const parsed = (key: string): unknown => parseJson(Buffer.from(data.get(key) ?? '', 'base64').toString('utf8'));
  const type = stringOf(raw['type']);
  const entries = type === OLD_TYPE ? parsed(OLD_KEY) : recordOf(parsed(DOCKER_CONFIG_KEY))['auths'];
  if ((type !== OLD_TYPE && type !== DOCKER_CONFIG_TYPE) || !isRecord(entries)) return undefined;
  return Object.entries(entries).map(([host, value]) => {
    const { username, password, auth } = recordOf(value);
    const pair = Buffer.from(stringOf(auth) ?? '', 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    // As the kubelet: `auth` goes before the others (k8s.io/kubernetes/pkg/credentialprovider, DockerConfigEntry).
    if (colon !== -1) return { host, username: pair.slice(0, colon), password: pair.slice(colon + 1) };
    return { host, username: stringOf(username) ?? '', password: stringOf(password) ?? '' };
  });
}

/** A token of ECR is JSON in base64 that names its end in seconds since 1970: no promise of AWS, so only a help. */
export function tokenEnd(token: string): EpochMs | undefined {
  const { expiration } = recordOf(parseJson(Buffer.from(token, 'base64').toString('utf8')));
  const isTime = typeof expiration === 'number' && expiration > 0 && expiration < 1e11;
  return isTime ? ((expiration * 1_000) as EpochMs) : undefined;
}

function firstEnd(raw: JsonRecord): EpochMs | undefined {
  const ends = (readLogins(raw) ?? []).flatMap(({ password }) => tokenEnd(password) ?? []);
  return ends.toSorted((one, other) => one - other)[0];
}

function hostsOf(raw: JsonRecord): readonly string[] | undefined {
  if (raw['type'] !== DOCKER_CONFIG_TYPE) return readLogins(raw)?.map(({ host }) => host);
  // The kubelet reads spellings of it that no parser here does.
  return hostsIn(stringMapOf(raw['data']).get(DOCKER_CONFIG_KEY) ?? '');
}
