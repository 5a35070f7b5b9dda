// A view of a cluster without listeners, alone or beside an API server that answers by a script.

import { afterEach, beforeEach } from 'node:test';
import { createClient, type KubeClient } from '../../src/kube/client.ts';
import type { PartedStore } from '../../src/kube/parted-store.ts';
import type { Store, Stored, StoreReader } from '../../src/kube/store.ts';
import { createTransport, type Transport } from '../../src/kube/transport.ts';
import {
  type ClusterState,
  type ClusterStores,
  type ClusterViewOptions,
  createClusterView,
} from '../../src/operator/state/cluster-view.ts';
import type { ClusterListener } from '../../src/operator/state/news.ts';
import { createManualClock } from '../clocks/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../network/scripted-server.ts';
import { START } from './builders.ts';

const ignore = (): void => {};

/** A view whose every store a test can fill. */
export interface TestState extends Omit<ClusterState, 'stores'> {
  readonly stores: {
    readonly [Name in keyof ClusterStores]: ClusterStores[Name] extends StoreReader<infer Item>
      ? ClusterStores[Name] & Store<Item>
      : never;
  };
}

/** What a test looks at: news, or the bounds of the view. */
type Wanted = Partial<ClusterViewOptions & ClusterListener>;

/**
 * @param over  the namespace of the operator is `operator`, a namespace has room for 500 objects, nobody follows the
 * news
 */
export function createTestView(over: Wanted = {}): TestState {
  const state = createClusterView({
    operatorNamespace: 'operator',
    objectsPerNamespace: 500,
    scope: undefined,
    ...over,
  });
  const nobody = { enqueue: ignore, onStatus: ignore, onLegacy: ignore, onGone: ignore, onCredentials: ignore };
  state.follow({ ...nobody, onAccount: ignore, onAttachment: ignore, ...over });
  const { namespaced, secrets, credentials, accounts } = state.stores;
  const stores = {
    ...state.stores,
    namespaced: whole(namespaced),
    secrets: whole(secrets),
    credentials: whole(credentials),
    accounts: whole(accounts),
  };
  return { ...state, stores };
}

/** The only part of a store of the whole cluster. */
function whole<Item extends Stored>({ parts }: PartedStore<Item>): PartedStore<Item> & Store<Item> {
  const [part] = parts;
  if (!part) throw new Error('the view is of some namespaces only');
  return Object.assign(part.store, { parts });
}

export interface ViewRig extends TestState {
  readonly server: ScriptedServer;
  readonly client: KubeClient;
}

/** Registers the hooks of a suite: each test has a server, a client of it and an empty view of its own. */
export function useViewRig(over: Wanted = {}): ViewRig {
  let parts: (ViewRig & { readonly transport: Transport }) | undefined;
  const need = (): ViewRig => {
    if (!parts) throw new Error('the rig is not there before a test runs');
    return parts;
  };
  beforeEach(async () => {
    const server = await startScriptedServer();
    const clock = createManualClock(START);
    const transport = createTransport({ access: server.access(), clock, userAgent: 'test' });
    parts = { server, transport, client: createClient(transport, 'test'), ...createTestView(over) };
  });
  afterEach(async () => {
    parts?.transport.close();
    await parts?.server.stop();
  });
  return {
    get server() {
      return need().server;
    },
    get client() {
      return need().client;
    },
    get view() {
      return need().view;
    },
    get stores() {
      return need().stores;
    },
    get follow() {
      return need().follow;
    },
  };
}
