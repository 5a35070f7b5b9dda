// How a client reaches a control plane of the tests with a token.

import type { ApiServerAccess } from '../../src/kube/access.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';

/** @param token  of the user that sends the requests */
export function accessTo({ url, certificateAuthority: ca }: ControlPlane, token: string): ApiServerAccess {
  const credentials = { ca, headers: { authorization: `Bearer ${token}` } };
  return {
    url: new URL(url),
    namespace: undefined,
    credentials: () => Promise.resolve(credentials),
    invalidate: () => {},
  };
}
