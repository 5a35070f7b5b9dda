// Requests of some users to the API server, from its audit log.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordOf, stringOf } from '../../src/lib/json.ts';
import { makeTemporaryFolder } from '../process/temporary-folder.ts';

export interface AuditEntry {
  readonly user: string;
  readonly verb: string;
  /** `secrets`, `events.events.k8s.io`, `serviceaccounts/token`; a path when it is no resource. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly code: number;
  readonly userAgent: string;
  /** Of a refusal. */
  readonly message: string;
  /** RBAC refused it. */
  readonly isForbidden: boolean;
}

export interface AuditLog {
  /** For kube-apiserver. */
  readonly flags: readonly string[];
  /** Bytes so far; pass it to `entries` to get only later ones. */
  size(): number;
  entries(fromByte?: number): readonly AuditEntry[];
}

/** @param users  the log holds no other user's requests */
export function createAuditLog(...users: readonly string[]): AuditLog {
  const folder = makeTemporaryFolder('audit');
  const path = join(folder, 'audit.log');
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived', 'ResponseStarted'],
    rules: [{ level: 'Metadata', users }, { level: 'None' }],
  };
  writeFileSync(join(folder, 'policy.json'), JSON.stringify(policy));
  writeFileSync(path, '');
  return {
    // Written before the answer goes out, so that nothing is missed.
    flags: [
      `--audit-policy-file=${join(folder, 'policy.json')}`,
      `--audit-log-path=${path}`,
      '--audit-log-mode=blocking',
    ],
    size: () => readFileSync(path).length,
    entries: (fromByte = 0) =>
      readFileSync(path)
        .subarray(fromByte)
        .toString('utf8')
        .split('\n')
        // Empty or incomplete.
        .slice(0, -1)
        .map((line) => entryOf(JSON.parse(line))),
  };
}

function entryOf(event: unknown): AuditEntry {
  const { verb, objectRef, requestURI, responseStatus, annotations, userAgent, user } = recordOf(event);
  const { apiGroup, resource, subresource, namespace, name } = recordOf(objectRef);
  const { code, message } = recordOf(responseStatus);
  const group = stringOf(apiGroup);
  const path = stringOf(requestURI)?.split('?')[0] ?? '';
  const plural = `${stringOf(resource)}${group ? `.${group}` : ''}${stringOf(subresource) ? `/${stringOf(subresource)}` : ''}`;
  return {
    user: stringOf(recordOf(user)['username']) ?? '',
    verb: stringOf(verb) ?? '',
    resource: resource === undefined ? path : plural,
    namespace: stringOf(namespace),
    name: stringOf(name),
    code: typeof code === 'number' ? code : 0,
    userAgent: stringOf(userAgent) ?? '',
    message: stringOf(message) ?? '',
    isForbidden: recordOf(annotations)['authorization.k8s.io/decision'] === 'forbid',
  };
}
