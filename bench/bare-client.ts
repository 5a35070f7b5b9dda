// The floor: a client that does nothing but the writes, 32 in flight, on keep-alive connections.

import { Agent, request } from 'node:https';
import pLimit from 'p-limit';
import type { ControlPlane } from '../testing/control-plane/control-plane.ts';

/** As many as the operator has in flight, so that the ratio says something about the operator. */
export const IN_FLIGHT = 32;

export interface BareClient {
  /** @returns the parsed body @throws Error unless the answer is 2xx or 404 on a DELETE */
  send(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Runs `work` for each item, 32 at a time. */
  each<Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<void>;
  /** Calls `onObject` for each object that a watch of `path` shows, until the returned function is called. */
  watch(path: string, onObject: (object: WatchedObject) => void): () => void;
}

export interface WatchedObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

export function createBareClient(plane: ControlPlane): BareClient {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT, ca: plane.certificateAuthority });
  const authorization = `Bearer ${plane.adminToken}`;
  const contentType = (method: string): string =>
    method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';

  return {
    send: (method, path, body) =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? undefined : JSON.stringify(body);
        const framing =
          text === undefined ? {} : { 'content-type': contentType(method), 'content-length': Buffer.byteLength(text) };
        const outgoing = request(
          `${plane.url}${path}`,
          { method, agent, headers: { authorization, ...framing } },
          (answer) => {
            const chunks: Buffer[] = [];
            answer.on('data', (chunk: Buffer) => chunks.push(chunk));
            answer.on('error', reject);
            answer.on('end', () => {
              const text = Buffer.concat(chunks).toString('utf8');
              const status = answer.statusCode ?? 0;
              if (status < 300 || (method === 'DELETE' && status === 404)) resolve(JSON.parse(text));
              else reject(new Error(`${method} ${path}: ${status} ${text.slice(0, 300)}`));
            });
          },
        );
        outgoing.on('error', reject);
        outgoing.end(text);
      }),
    async each(items, work) {
      const limit = pLimit(IN_FLIGHT);
      await Promise.all(items.map((item) => limit(() => work(item))));
    },
    watch(path, onObject) {
      let rest = '';
      const outgoing = request(
        `${plane.url}${path}?watch=true`,
        { ca: plane.certificateAuthority, headers: { authorization } },
        (answer) => {
          answer.setEncoding('utf8').on('data', (text: string) => {
            const lines = (rest + text).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) onObject((JSON.parse(line) as { readonly object: WatchedObject }).object);
          });
          answer.on('error', () => {});
        },
      );
      outgoing.on('error', () => {});
      outgoing.end();
      return () => void outgoing.destroy();
    },
  };
}
