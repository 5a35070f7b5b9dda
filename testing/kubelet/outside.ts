// What is outside of the cluster, at the addresses at which a node and its pods look for it: AWS, ECR's registries, and
// the services of an instance and of EKS that give a pod its AWS identity. Only inside of the namespaces of a node.

import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { connect, createServer as createRelay, type Server } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, createServer } from 'node:tls';
import { type AwsStandIn, startAwsStandIn } from '../aws/aws-stand-in.ts';
import type { AwsKey } from '../aws/iam.ts';
import { type MetadataStandIn, startMetadataStandIn } from '../aws/metadata.ts';
import { startConnectProxy } from '../network/connect-proxy.ts';
import type { Authority } from '../network/self-signed.ts';
import { createEcrRegistry } from '../registry/ecr-registry.ts';
import type { Image } from '../registry/oci-image.ts';
import type { OciRegistry } from '../registry/oci-registry.ts';

export interface Outside {
  readonly aws: AwsStandIn;
  readonly registry: OciRegistry;
  readonly metadata: MetadataStandIn;
  /** Value of `HTTPS_PROXY` in pods: it leads to AWS and its registries under their own names. */
  readonly proxyUrl: string;
  /**
   * The agent of EKS Pod Identity, at 169.254.170.23.
   *
   * @param owner  tells whose token it is; undefined: of nobody who may have keys
   */
  serveAgent(keysFor: (token: string) => Promise<object | undefined>): void;
  /** Nothing of it keeps the process alive afterwards. */
  stop(): Promise<void>;
}

const PROXY_PORT = 3_128;
const INSTANCE = '169.254.169.254';
const AGENT = '169.254.170.23';

export interface OutsideOptions {
  /** Signs for AWS and the registries. */
  readonly authority: Authority;
  readonly keys: readonly AwsKey[];
  /** Of the node. */
  readonly address: string;
  readonly state: string;
  /** What every repository of every registry holds, those aside that refuse (registry/ecr-registry.ts). */
  readonly image: Image;
}

export async function startOutside({ authority, keys, address, state, image }: OutsideOptions): Promise<Outside> {
  const servers: Server[] = [];
  const listenOn = (server: Server, port: number, at: string): Promise<void> => {
    servers.push(server);
    // A connection of the node may stay open for as long as it likes.
    server.on('connection', (socket) => socket.unref());
    return listening(server, port, at);
  };
  mkdirSync(state, { recursive: true });
  writeFileSync(join(state, 'registry-ca.pem'), authority.certificate);
  const aws = await startAwsStandIn({ accounts: keys });
  const registry = createEcrRegistry({ aws: () => aws, image });
  const server = createServer({
    SNICallback(name, done) {
      const { certificate: cert, key } = authority.issue(name);
      done(null, createSecureContext({ cert, key }));
    },
  });
  server.on('secureConnection', (socket) => registry.accept(socket));
  await listenOn(server, 443, '127.0.0.1');
  const proxy = await startConnectProxy({
    authority,
    serve: (host, socket) => (host.includes('.dkr.ecr.') ? registry : aws).accept(socket),
  });
  await listenOn(relayTo(proxy.url), PROXY_PORT, address);
  const metadata = await startMetadataStandIn();
  await listenOn(relayTo(metadata.instanceUrl), 80, INSTANCE);
  return {
    aws,
    registry,
    metadata,
    proxyUrl: `http://${address}:${PROXY_PORT}`,
    serveAgent(keysFor) {
      const agent = createHttp((request, response) => {
        void keysFor(request.headers.authorization ?? '').then((found) => {
          response.writeHead(found ? 200 : 401, { 'content-type': 'application/json' });
          response.end(JSON.stringify(found ?? { message: 'no association' }));
        });
      });
      void listenOn(agent, 80, AGENT);
    },
    async stop() {
      for (const server of servers) server.close().unref();
      await Promise.all([aws.stop(), proxy.stop(), metadata.stop()]);
    },
  };
}

/** Leads to what listens on loopback: pods reach the relay only. */
function relayTo(url: string): Server {
  return createRelay((socket) => {
    const inner = connect(Number(new URL(url).port), '127.0.0.1');
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  });
}

function listening(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
}
