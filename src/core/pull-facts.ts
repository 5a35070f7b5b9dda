// What is known of one image that a pod waits for, as decisions about it see it.

import type { EpochMs } from '../lib/time.ts';
import type { NamespaceView } from './desired.ts';
import type { PullSecretObject } from './resource.ts';

/** The caller may not read it. */
export type Unseen = 'unseen';

/** A container whose image is not there, in the kubelet's words. */
export interface WaitingImage {
  readonly container: string;
  /** As it stands in the pod. */
  readonly image: string;
  /** `state.waiting.reason`, such as ImagePullBackOff. */
  readonly reason: string;
  /** With what the registry answered; empty when the kubelet wrote nothing. */
  readonly message: string;
}

/** A Secret without its passwords. */
export interface FoundSecret {
  readonly type: string;
  /** Keys of its docker config; undefined when it is none. */
  readonly hosts: readonly string[] | undefined;
  /** Undefined: it does not say. */
  readonly endsAt: EpochMs | undefined;
  /** When it got the login that it holds, as far as is known. */
  readonly since: EpochMs | undefined;
  /** Uid of the object that owns it or that it was written for. */
  readonly writerUid: string | undefined;
}

/** A Secret that the pod names. */
export interface NamedSecret {
  readonly name: string;
  readonly found: FoundSecret | 'missing' | Unseen;
}

export interface AccountFacts {
  readonly name: string;
  /** The pull Secrets that it names now; the pod was created with those of that moment. */
  readonly secrets: readonly string[] | 'missing' | Unseen;
}

/** The Deployment of the operator. */
export interface OperatorFacts {
  readonly namespace: string;
  readonly name: string;
  readonly ready: number;
}

export interface PullFacts {
  readonly pod: string;
  /** A controller makes it anew when it is deleted, and nothing of it runs that would be lost. */
  readonly isReplaceable: boolean;
  readonly waiting: WaitingImage;
  /** What the pod names, in its order; the API server put those of the ServiceAccount there when it named none. */
  readonly secrets: readonly NamedSecret[];
  readonly account: AccountFacts;
  readonly namespace: NamespaceView;
  /** The labels of the namespace are known. */
  readonly areLabelsSeen: boolean;
  /** Of both kinds: those of the pod's namespace, and the cluster's. */
  readonly objects: readonly PullSecretObject[];
  /** Objects of the cluster kind are among them. */
  readonly areClusterObjectsSeen: boolean;
  readonly operator: OperatorFacts | 'missing' | Unseen;
  /** When the kubelet last asked the registry; undefined when no Event says so. */
  readonly askedAt: EpochMs | undefined;
}
