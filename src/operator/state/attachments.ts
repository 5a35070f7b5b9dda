// Which objects ask for ServiceAccounts, which accounts there are, and which of them a change of the cluster concerns.

import { isDeepStrictEqual } from 'node:util';
import type { ObjectKey } from '../../api/meta.ts';
import { type AccountSelection, isFull, type SeenAccount, selectsAccount } from '../../core/attachment.ts';
import { keyOf, type PullSecretObject, type Wish } from '../../core/resource.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import type { Change, StoreReader } from '../../kube/store.ts';
import { createIndexBy } from './index-by.ts';
import type { ClusterListener } from './news.ts';
import type { ObjectIndex } from './object-index.ts';
import type { StoredNamespace } from './reduced-objects.ts';

export interface AttachmentsParts {
  readonly index: Pick<ObjectIndex, 'wish' | 'byUid'>;
  /** Whether an object wants a Secret in this namespace. */
  readonly wants: (object: PullSecretObject, namespace: string) => boolean;
  readonly accounts: () => StoreReader<SeenAccount>;
  readonly listener: () => Pick<ClusterListener, 'onAccount' | 'onAttachment'> | undefined;
}

export interface Attachments {
  ofObject(change: Change<PullSecretObject>): void;
  ofSecret(change: Change<SeenSecret>): void;
  ofNamespace(change: Change<StoredNamespace>): void;
  ofAccount(change: Change<SeenAccount>): void;
  /** Objects that ask for ServiceAccounts and may want their Secret in this namespace: its own, and the cluster's. */
  claimants(namespace: string): Iterable<PullSecretObject>;
  accountsIn(namespace: string): Iterable<SeenAccount>;
}

/** Objects that ask for accounts, by their namespace. */
function createClaimants({ wish, byUid }: AttachmentsParts['index']) {
  /** Uids; those of the cluster kind under the empty name. */
  const asking = createIndexBy<string>();
  return {
    selectionOf(object: PullSecretObject | undefined): AccountSelection | undefined {
      const wanted = object && wish(object);
      return typeof wanted === 'object' && typeof wanted.accounts === 'object' ? wanted.accounts : undefined;
    },
    update(before: PullSecretObject | undefined, after: PullSecretObject | undefined, asks: boolean): void {
      if (before && before.uid !== after?.uid) asking.remove(before.namespace ?? '', before.uid);
      if (after) asking[asks ? 'add' : 'remove'](after.namespace ?? '', after.uid);
    },
    *in(namespace: string): Iterable<PullSecretObject> {
      for (const at of [namespace, '']) {
        for (const uid of asking.get(at)) {
          const object = byUid(uid);
          if (object) yield object;
        }
      }
    },
  };
}

/** Most new versions of an object change only its status. */
function wantsTheSame(before: PullSecretObject | undefined, after: PullSecretObject | undefined): boolean {
  return (
    before?.uid === after?.uid &&
    before?.isCollected === after?.isCollected &&
    isDeepStrictEqual(before?.spec, after?.spec)
  );
}

/** What the status of an object says of an account. */
function stateFor(
  wish: Wish | string,
  account: SeenAccount | undefined,
): 'none' | 'undecided' | 'waits' | 'names it' | 'full' | 'too large' {
  if (!account || typeof wish === 'string' || typeof wish.accounts !== 'object') return 'none';
  const answer = selectsAccount(wish.accounts, account);
  if (answer !== 'yes') return answer === 'no' ? 'none' : 'undecided';
  if (account.isTooLarge) return 'too large';
  if (account.pullSecrets.includes(wish.secretName)) return 'names it';
  return isFull(account) ? 'full' : 'waits';
}

export function createAttachments({ index, wants, accounts, listener }: AttachmentsParts): Attachments {
  const claimants = createClaimants(index);
  /** Keys of the accounts in a namespace. */
  const byNamespace = createIndexBy<ObjectKey>();
  const enqueueIn = (namespace: string): void => {
    for (const key of byNamespace.get(namespace)) listener()?.onAccount(key);
  };
  const enqueueFor = ({ namespace }: PullSecretObject): void => {
    if (namespace !== undefined) enqueueIn(namespace);
    else for (const [key] of accounts().entries()) listener()?.onAccount(key);
  };

  return {
    claimants: (namespace) => claimants.in(namespace),
    *accountsIn(namespace) {
      for (const key of byNamespace.get(namespace)) {
        const account = accounts().get(key);
        if (account) yield account;
      }
    },
    ofObject({ before, after }) {
      const [former, next] = [claimants.selectionOf(before), claimants.selectionOf(after)];
      claimants.update(before, after, next !== undefined);
      const concerned = former ? before : after;
      if ((former ?? next) && concerned && !wantsTheSame(before, after)) enqueueFor(concerned);
    },
    ofSecret({ before, after }) {
      const place = after ?? before;
      if (place && before?.ownerUid !== after?.ownerUid) enqueueIn(place.namespace);
    },
    ofNamespace({ before, after }) {
      const place = after ?? before;
      const isSame = before?.terminating === after?.terminating && isDeepStrictEqual(before?.labels, after?.labels);
      if (place && !isSame) enqueueIn(place.name);
    },
    ofAccount({ key, before, after, own }) {
      const account = after ?? before;
      if (!account) return;
      const { namespace } = account;
      byNamespace[after ? 'add' : 'remove'](namespace, key);
      if (!own) listener()?.onAccount(key);
      for (const object of claimants.in(namespace)) {
        const wish = index.wish(object);
        if (stateFor(wish, before) !== stateFor(wish, after) && wants(object, namespace))
          listener()?.onAttachment(keyOf(object));
      }
    },
  };
}
