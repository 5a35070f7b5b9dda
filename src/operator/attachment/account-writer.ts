// One ServiceAccount, one write: the only file that changes ServiceAccounts.

import { objectKey, SERVICE_ACCOUNTS } from '../../api/meta.ts';
import { type AttachmentPlan, attachmentPatch, type SeenAccount } from '../../core/attachment.ts';
import { isGone, isOtherObject } from '../../kube/api-error.ts';
import type { KubeWriter } from '../../kube/client.ts';
import type { StoreWriter } from '../../kube/store.ts';
import { accountOf } from '../state/seen-account.ts';

/**
 * Replaces the list and the annotation of the account that was seen, in the version that was seen: a writer who came
 * between loses nothing.
 *
 * @returns false when it is now another version, another account, or gone
 * @throws Failure when the API server refused, or did not answer
 */
export type WriteAccount = (account: SeenAccount, plan: AttachmentPlan) => Promise<boolean>;

export function writingAccounts(
  client: Pick<KubeWriter, 'patch'>,
  store: Pick<StoreWriter<SeenAccount>, 'wrote'>,
  signal: AbortSignal,
): WriteAccount {
  return async (account, plan) => {
    const body = attachmentPatch(account, plan);
    try {
      const answer = await client.patch(SERVICE_ACCOUNTS, account, body, signal);
      // The answer does not repeat the list. If it is not as sent, the watch event of that version shows it, as news.
      const after = accountOf({ ...answer, imagePullSecrets: body['imagePullSecrets'] });
      if (after) store.wrote(objectKey(account.namespace, account.name), after);
      return true;
    } catch (thrown) {
      if (isGone(thrown) || isOtherObject(thrown)) return false;
      throw thrown;
    }
  };
}
