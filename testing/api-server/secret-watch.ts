// Records the events of Secrets and other objects, as a kubelet would see them: by a watch that misses nothing.
// Independent of the operator's reflector.

import { request } from 'node:https';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import type { TestApiOptions } from './test-api.ts';

export interface SecretEvent {
  readonly type: string;
  readonly namespace: string;
  readonly uid: string;
  /** Annotation `expiry`; undefined when there is none. */
  readonly expiry: string | undefined;
}

export interface SecretWatch {
  /** The events so far of the Secrets of this name. */
  events(name: string): readonly SecretEvent[];
  stop(): void;
}

/** Every Secret of the cluster, from `version` on. */
export function watchSecrets(plane: ControlPlane, version: string): SecretWatch {
  const watch = watchObjects(plane, '/api/v1/secrets', version);
  return {
    events: (name) =>
      watch
        .events()
        .filter(({ object }) => object.metadata.name === name)
        .map(({ type, object: { metadata } }) => ({
          type,
          namespace: metadata.namespace,
          uid: metadata.uid,
          expiry: metadata.annotations?.expiry,
        })),
    stop: watch.stop,
  };
}

export interface WatchEvent {
  readonly type: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- objects of any kind
  readonly object: any;
}

export interface ObjectWatch {
  /** What happened so far. */
  readonly events: () => readonly WatchEvent[];
  readonly stop: () => void;
}

/** Every object of the collection at `path`, from `version` on. */
export function watchObjects(plane: ControlPlane, path: string, version: string): ObjectWatch {
  const events: WatchEvent[] = [];
  const at = { url: plane.url, certificateAuthority: plane.certificateAuthority, token: plane.adminToken };
  const { stop } = followObjects(at, path, version, (event) => void events.push(event));
  return { events: () => events, stop };
}

/**
 * Hands each event of the collection at `path` to `take`, one by one, from `version` on.
 *
 * @returns `ended` resolves when the API server ends the watch, whatever the reason
 */
export function followObjects(
  { url, certificateAuthority, token }: TestApiOptions,
  path: string,
  version: string,
  take: (event: WatchEvent) => void,
): { readonly ended: Promise<void>; readonly stop: () => void } {
  const headers = { authorization: `Bearer ${token}` };
  const target = `${url}${path}?watch=true&resourceVersion=${version}`;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const asked = request(target, { headers, ca: certificateAuthority }, (answer) => {
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (part: string) => {
      const lines = `${text}${part}`.split('\n');
      // The last one is empty or incomplete.
      text = lines.pop() ?? '';
      for (const line of lines) take(JSON.parse(line));
    });
    answer.on('error', () => {});
    answer.on('close', resolve);
  });
  asked.on('error', () => resolve());
  asked.end();
  return { ended, stop: () => void asked.destroy() };
}
