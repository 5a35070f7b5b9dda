// What the status of an object says of the ServiceAccounts that it asks for.

import { type ObjectKey, objectKey } from '../../api/meta.ts';
import { CONDITION_ATTACHED, REASON } from '../../api/names.ts';
import {
  type AttachmentFindings,
  isFull,
  judgeAttachment,
  NO_ROOM,
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
  const problemWith = (key: ObjectKey, account: SeenAccount): string | undefined => {
    if (account.isTooLarge) return TOO_LARGE;
    return problemOf(key) ?? (isFull(account) ? NO_ROOM : undefined);
  };
  return ({ accounts: selection, secretName }, ready) => {
    if (selection === undefined) return [];
    if (typeof selection === 'string')
      return [{ type: CONDITION_ATTACHED, status: 'False', reason: REASON.invalidSpec, message: selection }];
    const [missing, undecided]: [string[], string[]] = [[], []];
    const problems: { account: string; message: string }[] = [];
    let [wanted, attached] = [0, 0];
    const count = (key: ObjectKey, account: SeenAccount): void => {
      wanted += 1;
      const isIn = account.pullSecrets.includes(secretName);
      if (isIn) attached += 1;
      const message = isIn ? problemOf(key) : problemWith(key, account);
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
        for (const account of view.attachments.accountsIn(namespace)) {
          const answer = selectsAccount(selection, account);
          if (answer === 'yes') count(objectKey(namespace, account.name), account);
          if (answer === 'undecided') undecided.push(objectKey(namespace, account.name));
        }
      }
    }
    const isAnywhere = ready.length > 0;
    const findings: AttachmentFindings = { isEnabled, isAnywhere, wanted, attached, missing, undecided, problems };
    return [judgeAttachment(findings, secretName)];
  };
}
