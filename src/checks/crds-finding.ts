// Whether the API server serves the operator's kinds with every field that this version knows.

import { OPERATOR_NAME } from '../api/names.ts';
import type { Transport } from '../kube/transport.ts';
import { fieldsNotServed } from '../operator/crd-check.ts';
import { type Finding, well, wrong } from './finding.ts';

/**
 * @param version  of this program
 * @throws Failure when the API server could not be asked
 */
export async function crdsFinding(transport: Transport, version: string, signal: AbortSignal): Promise<Finding> {
  const missing = await fieldsNotServed(transport, signal);
  if (missing.length === 0) return well(`the CRDs have every field that version ${version} knows`);
  const mend = `install those of version ${version}: ${OPERATOR_NAME} crds | kubectl apply --server-side -f -`;
  return wrong(`the CRDs are not there, or older than version ${version}; they lack ${missing.join(', ')}; ${mend}`);
}
