// The sources of a workload's own AWS identity, on loopback: the instance metadata service (version 2 only), and the
// agent of EKS Pod Identity. Never the real, link-local addresses.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen } from '../../src/http/server.ts';
import { type EpochMs, formatRfc3339 } from '../../src/lib/time.ts';

/** Keys as the services return them; without an end, one far away is assumed. */
export interface WorkloadKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAt: EpochMs;
}

export interface MetadataStandIn {
  /** Value of `AWS_EC2_METADATA_SERVICE_ENDPOINT`. */
  readonly instanceUrl: string;
  /** Value of `AWS_CONTAINER_CREDENTIALS_FULL_URI`. */
  readonly agentUrl: string;
  /** `METHOD path` of every request, in order of arrival; a live view. */
  readonly requests: readonly string[];
  /** The keys from now on; undefined: none, as for an instance without a role. */
  setKeys(keys: WorkloadKeys | undefined): void;
  /** The `Authorization` that the agent demands; it changes when the kubelet writes a new token. */
  setAgentToken(token: string): void;
  stop(): Promise<void>;
}

/**
 * Sources: EC2 user guide, "Use the Instance Metadata Service"; SDK reference guide, "Container credential provider".
 */
const SESSION_PATH = '/latest/api/token';
const ROLE_PATH = '/latest/meta-data/iam/security-credentials/';
const ROLE = 'node-role';
const AGENT_PATH = '/v1/credentials';

export async function startMetadataStandIn(): Promise<MetadataStandIn> {
  const session = randomBytes(24).toString('base64');
  const requests: string[] = [];
  let keys: WorkloadKeys | undefined;
  let agentToken = '';

  const answer = ({ method = '', url = '', headers }: IncomingMessage, response: ServerResponse): void => {
    const give = (status: number, body: string): void => {
      response.writeHead(status, { 'content-type': body.startsWith('{') ? 'application/json' : 'text/plain' });
      response.end(body);
    };
    if (url === AGENT_PATH) {
      if (headers.authorization !== agentToken) return give(401, 'the token is not one of this cluster');
      return keys ? give(200, JSON.stringify(fieldsOf(keys))) : give(404, 'no association');
    }
    if (method === 'PUT' && url === SESSION_PATH) return give(200, session);
    if (headers['x-aws-ec2-metadata-token'] !== session) return give(401, 'Unauthorized');
    if (!keys) return give(404, 'Not Found');
    if (url === ROLE_PATH) return give(200, ROLE);
    return url === `${ROLE_PATH}${ROLE}`
      ? give(
          200,
          JSON.stringify({
            Code: 'Success',
            Type: 'AWS-HMAC',
            LastUpdated: formatRfc3339(0 as EpochMs),
            ...fieldsOf(keys),
          }),
        )
      : give(404, 'Not Found');
  };

  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    request.resume();
    answer(request, response);
  });
  const url = `http://127.0.0.1:${await listen(server, { host: '127.0.0.1', port: 0 })}`;
  return {
    instanceUrl: url,
    agentUrl: `${url}${AGENT_PATH}`,
    requests,
    setKeys(next) {
      keys = next;
    },
    setAgentToken(token) {
      agentToken = token;
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function fieldsOf({ accessKeyId, secretAccessKey, sessionToken, expiresAt }: WorkloadKeys): object {
  return {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: formatRfc3339(expiresAt),
  };
}
