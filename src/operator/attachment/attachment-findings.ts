// What the status of an object says of the ServiceAccounts that it asks for.

import { type ObjectKey, objectKey } from '../../api/meta.ts';
import {
  type AttachmentFindings,
  judgeAttachment,
  type SeenAccount,
  selectsAccount,
  TOO_LARGE,
} from '../../core/attachment.ts';
import type { Wish } from '../../core/resource.ts';
import type { SideCondition } from '../../core/side-condition.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import type { Attacher } from './attach.ts';

/**
 * @param ready  namespaces in which the Secret is in place, sorted
 * @returns empty when the object asks for no account
 */
export type FindAttachments = (wish: Wish, ready: readonly string[]) => readonly SideCondition[];

/** @param isEnabled  whether the operator changes ServiceAccounts */
export function findingAttachments(
  view: Pick<ClusterView, 'accounts' | 'attachments'>,
  { problemOf }: Pick<Attacher, 'problemOf'>,
  isEnabled: boolean,
): FindAttachments {
  return ({ accounts: selection, secretName }, ready) => {
    if (!selection) return [];
    const missing: string[] = [];
    const problems: { account: string; message: string }[] = [];
    let [wanted, attached] = [0, 0];
    const count = (key: ObjectKey, account: SeenAccount): void => {
      wanted += 1;
      if (account.pullSecrets.includes(secretName)) attached += 1;
      const message = account.isTooLarge ? TOO_LARGE : problemOf(key);
      if (message !== undefined) problems.push({ account: key, message });
    };
    for (const namespace of isEnabled ? ready : []) {
      if (selection.op === 'names') {
        for (const name of selection.names) {
          const key = objectKey(namespace, name);
          const account = view.accounts.get(key);
          if (account) count(key, account);
          else missing.push(key);
        }
      } else {
        for (const account of view.attachments.accountsIn(namespace))
          if (selectsAccount(selection, account) === 'yes') count(objectKey(namespace, account.name), account);
      }
    }
    const findings: AttachmentFindings = {
      isEnabled,
      isAnywhere: ready.length > 0,
      wanted,
      attached,
      missing,
      problems,
    };
    return [judgeAttachment(findings, secretName)];
  };
}
