// Replaces kube-proxy and the pod network: the API server dials Services through it, by its egress selector, and it
// connects to the loopback address of a ready pod, each in turn. The real EndpointSlice controller decides on pods and
// ports.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import type { TestApi } from '../api-server/test-api.ts';
import { makeTemporaryFolder } from '../process/temporary-folder.ts';
import { createTunnelServer, grantTunnel, refuseTunnel } from './tunnel-server.ts';

/** Settings of a control plane whose API server calls Services through the proxy. */
export interface ServiceEgress {
  readonly socket: string;
  readonly apiServerFlags: readonly string[];
  /** Controllers that the proxy depends on. */
  readonly controllers: readonly string[];
}

export interface ServiceProxy {
  /** The target of every call: `namespace/service:port` and, behind ` -> `, the pod's address, or why it failed. */
  readonly calls: readonly string[];
  readonly stop: () => Promise<void>;
}

export interface ServiceProxyOptions {
  readonly egress: ServiceEgress;
  readonly api: TestApi;
  /** The loopback address on which the pod with this address serves its ports; undefined: there is no such pod. */
  readonly loopbackOf: (podAddress: string) => string | undefined;
}

interface ServiceObject {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly clusterIP: string;
    readonly ports: readonly { readonly name?: string; readonly port: number }[];
  };
}

interface EndpointSlice {
  readonly endpoints:
    | readonly { readonly addresses: readonly string[]; readonly conditions: { readonly ready?: boolean } }[]
    | null;
  readonly ports: readonly { readonly name?: string; readonly port: number }[] | null;
}

/** A pod that takes longer to accept a connection counts as not listening. */
const CONNECT_LIMIT_MS = 5_000;

export function makeServiceEgress(): ServiceEgress {
  const folder = makeTemporaryFolder('egress');
  const socket = join(folder, 'socket');
  const file = join(folder, 'egress.json');
  const connection = { proxyProtocol: 'HTTPConnect', transport: { uds: { udsName: socket } } };
  const configuration = {
    apiVersion: 'apiserver.k8s.io/v1beta1',
    kind: 'EgressSelectorConfiguration',
    egressSelections: [{ name: 'cluster', connection }],
  };
  writeFileSync(file, JSON.stringify(configuration));
  return {
    socket,
    apiServerFlags: [`--egress-selector-config-file=${file}`],
    controllers: ['endpointslice-controller'],
  };
}

export async function startServiceProxy({ egress, api, loopbackOf }: ServiceProxyOptions): Promise<ServiceProxy> {
  const calls: string[] = [];

  /** @returns the call, and where to connect; undefined: nowhere, as the call says */
  const lookUp = async (target: string): Promise<readonly [call: string, at: NetConnectOpts | undefined]> => {
    const { hostname, port } = new URL(`tcp://${target}`);
    const { items } = (await api.must('GET', '/api/v1/services')) as { readonly items: readonly ServiceObject[] };
    const service = items.find(({ spec }) => spec.clusterIP === hostname);
    const servicePort = service?.spec.ports.find((one) => one.port === Number(port));
    if (!service || !servicePort) return [`${target} -> no such service`, undefined];
    const { name, namespace } = service.metadata;
    const call = `${namespace}/${name}:${port}`;
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
    const slices = (await api.must('GET', `${path}?labelSelector=kubernetes.io%2Fservice-name%3D${name}`))
      .items as readonly EndpointSlice[];
    for (const slice of slices) {
      const podPort = slice.ports?.find((one) => (one.name ?? '') === (servicePort.name ?? ''))?.port;
      const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions.ready);
      const address = ready[calls.length % ready.length]?.addresses[0];
      if (podPort === undefined || address === undefined) continue;
      const host = loopbackOf(address);
      return [`${call} -> ${address}:${podPort}`, host === undefined ? undefined : { host, port: podPort }];
    }
    return [`${call} -> no ready pod`, undefined];
  };

  const { server, stop } = createTunnelServer((target, socket) => {
    const open = async (): Promise<void> => {
      const [call, at] = await lookUp(target);
      calls.push(call);
      if (!at) return refuseTunnel(socket, '502 Bad Gateway');
      const inner = connect(at);
      inner.on('error', () => socket.destroy());
      inner.on('close', () => socket.destroy());
      socket.on('close', () => inner.destroy());
      await once(inner, 'connect', { signal: AbortSignal.timeout(CONNECT_LIMIT_MS) });
      grantTunnel(socket);
      inner.pipe(socket).pipe(inner);
    };
    open().catch(() => socket.destroy());
  });
  server.listen(egress.socket);
  await once(server, 'listening');
  return { calls, stop };
}
