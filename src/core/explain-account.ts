// What an object that asks for a ServiceAccount says of it, where that does not name the Secret. Pure.

import { CONDITION_ATTACHED, REASON } from '../api/names.ts';
import { selectsAccount } from './attachment.ts';
import { nameOf, type Writer } from './explain-case.ts';
import { type Explanation, kubectlName } from './explain-object.ts';

/** Labels of the account are not looked at: a selector counts as asking for it. */
const LABELS_UNKNOWN = { labels: new Map<string, string>(), hasAllLabels: false };

const HELP: ReadonlyMap<string, string> = new Map(
  Object.entries({
    [REASON.attachmentDisabled]: 'Set serviceAccountAttachment.enabled in the values of the chart',
    [REASON.attachmentFailed]: 'Do as the message says; the operator tries again by itself',
    [REASON.noServiceAccounts]: 'See whether its labels are those of spec.serviceAccounts.selector',
    [REASON.attaching]: 'Wait a moment; the operator is at it',
  }),
);

/** @returns undefined when the object does not ask for the account, or says that all is well */
export function notAttached({ object, wish }: Writer, account: string, before: string): Explanation | undefined {
  if (typeof wish.accounts !== 'object' || selectsAccount(wish.accounts, { name: account, ...LABELS_UNKNOWN }) === 'no')
    return undefined;
  const attached = object.status.conditions?.find(({ type }) => type === CONDITION_ATTACHED);
  if (attached?.status === 'True') return undefined;
  const { reason = REASON.attaching, message = 'the operator has not looked at it yet' } = attached ?? {};
  return {
    cause: 'NotAttached',
    what: `${before} ${nameOf(object)} asks for ServiceAccounts (spec.serviceAccounts), and reports ${reason}: ${message}`,
    next: `${HELP.get(reason) ?? 'Do as the message says'} (kubectl describe ${kubectlName(object)}); then have the pod made anew`,
  };
}
