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
import { type JsonRecord, parseJson, recordOf, stringMapOf, stringOf } from '../lib/json.ts';
import { parseRfc3339 } from '../lib/time.ts';
import { seenSecretOf } from '../operator/state/reduced-objects.ts';

/** The older form that the kubelet reads too: the entries without `auths` around them (Kubernetes, Secret types). */
export const OLD_TYPE = 'kubernetes.io/dockercfg';
export const OLD_KEY = '.dockercfg';

export function readPullSecret(raw: JsonRecord): FoundSecret {
  const metadata = recordOf(raw['metadata']);
  const labels = stringMapOf(metadata['labels']);
  const isManaged = labels.get(MANAGED_BY_LABEL) === OPERATOR_NAME;
  return {
    type: stringOf(raw['type']) ?? '',
    hosts: hostsOf(raw),
    // Anybody may set the annotation: on a Secret of others it means what they mean by it.
    endsAt: isManaged ? parseRfc3339(stringMapOf(metadata['annotations']).get(EXPIRY_ANNOTATION)) : undefined,
    since: parseRfc3339(stringOf(metadata['creationTimestamp'])),
    writerUid: seenSecretOf(raw)?.ownerUid ?? (isManaged ? labels.get(OWNER_UID_LABEL) : undefined),
  };
}

function hostsOf(raw: JsonRecord): readonly string[] | undefined {
  const data = stringMapOf(raw['data']);
  const type = stringOf(raw['type']);
  if (type === DOCKER_CONFIG_TYPE) return hostsIn(data.get(DOCKER_CONFIG_KEY) ?? '');
  if (type !== OLD_TYPE) return undefined;
  return Object.keys(recordOf(parseJson(Buffer.from(data.get(OLD_KEY) ?? '', 'base64').toString('utf8'))));
}
