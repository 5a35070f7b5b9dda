// Checks whether the CRDs of the cluster fit this version. The operator never writes them; it logs when they are older.

import { API_VERSION, GROUP, VERSION } from '../api/names.ts';
import { missingFields } from '../core/served-fields.ts';
import { isNotFound } from '../kube/api-error.ts';
import type { Transport } from '../kube/transport.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import { type JsonRecord, recordOf } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import { type Clock, MINUTE, sleep } from '../lib/time.ts';

/**
 * Fields that this version knows and the API server does not; empty when the CRDs are as new as this version.
 *
 * @throws Failure when the API server could not be asked
 */
export async function fieldsNotServed(transport: Transport, signal: AbortSignal): Promise<readonly string[]> {
  const { default: crds } = await import('../api/crds.generated.json', { with: { type: 'json' } });
  const wanted = crds.filter(({ spec }) => spec.versions.some(({ name }) => name === VERSION));
  return missingFields(wanted, await readSchema(transport, signal));
}

/** Empty when the API server serves nothing of this group and version. */
async function readSchema(transport: Transport, signal: AbortSignal): Promise<JsonRecord> {
  try {
    const answer = await transport.send({ method: 'GET', path: `/openapi/v3/apis/${GROUP}/${VERSION}` }, signal);
    if (answer.ok) return recordOf(answer.json);
  } catch (thrown) {
    if (isNotFound(thrown)) return {};
    throw thrown;
  }
  const message = 'the schema of our kinds is longer than 4 MiB';
  throw new Failure({ next: 'change', reason: 'ObjectTooLarge', message });
}

export interface CrdCheckParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
}

const OLDER = 'The CRDs are older than this version: these fields are dropped from what is written; install its CRDs';

/**
 * Looks once a minute until no field is missing, and logs the missing ones. The API server publishes the schema of a
 * CRD some seconds after it serves it, so the first look alone proves nothing.
 */
export async function checkCrds({ transport, clock, log }: CrdCheckParts, signal: AbortSignal): Promise<void> {
  let logged = '';
  for (let look = 1; !signal.aborted; look += 1) {
    try {
      const missing = await fieldsNotServed(transport, signal);
      if (missing.length === 0) {
        if (logged !== '') log.info('The CRDs fit this version now');
        return;
      }
      const fields = missing.join(', ');
      if (look > 1 && fields !== logged) {
        log.warn(OLDER, { apiVersion: API_VERSION, fields });
        logged = fields;
      }
    } catch (thrown) {
      log.debug('Could not read the schema of the CRDs', { reason: failureFrom(thrown).message });
    }
    await sleep(clock, MINUTE, signal);
  }
}
