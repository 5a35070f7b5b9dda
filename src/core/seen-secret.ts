// A Secret that may be a pull Secret, as the stores hold it and decisions see it.

/** A Secret as last seen, reduced: it holds no password, and its size does not depend on the Secret's data. */
export interface SeenSecret {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly type: string;
  readonly immutable: boolean;
  readonly deleting: boolean;
  /** Has owner references, to whatever. */
  readonly hasOwners: boolean;
  /** Uid of the owner: the controller if it has one, else the first owner of the operator's kinds. */
  readonly ownerUid: string | undefined;
  /** Kind of that owner, if it is one of the operator's. */
  readonly ownerKind: string | undefined;
  /** The object that is asked to own it, `<Kind>/<name>`. The operator checks its hosts when it takes it over. */
  readonly offeredTo: string | undefined;
  /** Value of the label with the uid of the object that it was written for. */
  readonly ownerUidLabel: string | undefined;
  /** Has the managed-by label of the operator. */
  readonly managed: boolean;
  /** The field manager that changed it since the operator's last write, as that client calls itself. */
  readonly otherWriter: string | undefined;
  readonly inputs: string | undefined;
  readonly expiry: string | undefined;
  /** Digest of the base64 text of `.dockerconfigjson`. */
  readonly contentDigest: string;
  /** Digest of the labels and annotations that came from a template; empty when none did. */
  readonly templateDigest: string;
}
