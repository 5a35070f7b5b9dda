// AWS keys in a Secret that an object refers to.

import { SECRETS } from '../../api/meta.ts';
import { CREDENTIALS_LABEL, OPERATOR_NAME } from '../../api/names.ts';
import { parseCredentials } from '../../core/aws-keys.ts';
import type { Identity } from '../../core/identity.ts';
import { forcedBy, type PullSecretObject } from '../../core/resource.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { type Clock, plus } from '../../lib/time.ts';
import { identityOfPair, type RefusedIdentity, refuse, remarkOn, type UsableIdentity, unread } from './key-source.ts';
import { LOOKS_AGAIN, type SharedReads } from './referenced-objects.ts';

export type IdentityOfSecret = (
  reference: Extract<Identity, { op: 'secretRef' }>,
  namespace: string,
  user: Pick<PullSecretObject, 'uid' | 'reconcileAt' | 'status'>,
) => UsableIdentity | RefusedIdentity | undefined;

/**
 * @returns the identity; undefined while the operator reads the Secret for this object, which it wakes afterwards
 */
export function readingSecretKeys(reads: SharedReads, clock: Clock): IdentityOfSecret {
  return ({ secretName, keys: names }, namespace, user) => {
    const called = `secret ${secretName} in namespace ${namespace}`;
    const about = JSON.stringify(names);
    const pick = (secret: JsonRecord): ReturnType<typeof parseCredentials> => parseCredentials(secret['data'], names);
    const read = reads.read({ resource: SECRETS, namespace, name: secretName, about, pick }, user.uid, forcedBy(user));
    if (!read?.ok) return read && unread(read, clock);
    const { part: found, fresh } = read;
    if (!found) {
      const message = `${called} does not exist (spec.awsAccess.secretRef): ${LOOKS_AGAIN}, and at once when the Secret has the label ${CREDENTIALS_LABEL}=true`;
      return refuse(clock, message, true, fresh);
    }
    if (typeof found === 'string') return refuse(clock, `${called} ${found}`, true, fresh);
    const { credentials, mended } = found;
    const remark = remarkOn(mended.map((one, at) => (at === 0 ? `${called}: ${one}` : one)));
    return { ...identityOfPair(credentials, OPERATOR_NAME), remark, lookAgainAt: plus(clock.now(), fresh) };
  };
}
