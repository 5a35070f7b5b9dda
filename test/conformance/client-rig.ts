// What the suites of this folder share: our own client on a real API server, and the errors that it throws.

import assert from 'node:assert/strict';
import { ApiError } from '../../src/kube/api-error.ts';
import { createTransport, type Transport } from '../../src/kube/transport.ts';
import type { JsonRecord } from '../../src/lib/json.ts';
import { systemClock } from '../../src/lib/time.ts';
import type { ControlPlane } from '../../testing/control-plane/control-plane.ts';

export function openTransport(plane: ControlPlane): Transport {
  const credentials = { ca: plane.certificateAuthority, headers: { authorization: `Bearer ${plane.adminToken}` } };
  return createTransport({
    access: {
      url: new URL(plane.url),
      namespace: undefined,
      credentials: () => Promise.resolve(credentials),
      invalidate: () => {},
    },
    clock: systemClock,
    userAgent: 'conformance',
  });
}

export async function errorOf(promise: Promise<unknown>): Promise<ApiError> {
  const [result] = await Promise.allSettled([promise]);
  assert.equal(result?.status, 'rejected', 'it was expected to fail');
  assert.ok(result.reason instanceof ApiError, String(result.reason));
  return result.reason;
}

export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export function metadataOf(raw: JsonRecord): Metadata {
  return raw['metadata'] as Metadata;
}
