// A pull Secret as a backup holds it: with the uid of an object that is gone, and a token that has expired long ago.

import { DOCKER_CONFIG_TYPE, MANAGED_BY_LABEL, OPERATOR_NAME, OWNER_UID_LABEL } from '../../src/api/names.ts';
import { GOOD_KEY } from '../../testing/operator/world.ts';
import { base64 } from '../../testing/rigs/builders.ts';

export const HOST = `${GOOD_KEY.accountId}.dkr.ecr.eu-west-1.amazonaws.com`;
/** The uid that no object has. */
export const GONE_UID = '00000000-0000-4000-8000-000000000001';

/** A Docker configuration in base64; its passwords are `expired`. */
export function expiredConfig(...hosts: readonly string[]): string {
  const entry = { username: 'AWS', password: 'expired', auth: base64('AWS:expired') };
  return base64(JSON.stringify({ auths: Object.fromEntries(hosts.map((host) => [host, entry])) }));
}

/**
 * @param over    goes over its fields
 * @param labels  and `annotations` go over the operator's own
 */
// oxlint-disable-next-line typescript/no-explicit-any -- an object of the API, of which a test changes any part
export function backedUpSecret(over: object = {}, labels: object = {}, annotations: object = {}): any {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'ecr-login',
      labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME, [OWNER_UID_LABEL]: GONE_UID, ...labels },
      annotations: { 'aws.zakariaamine.com/inputs': 'sha256:0', expiry: '2026-01-01T00:00:00Z', ...annotations },
    },
    type: DOCKER_CONFIG_TYPE,
    data: { '.dockerconfigjson': expiredConfig(HOST) },
    ...over,
  };
}
