// Records the events of Secrets and other objects, as a kubelet would see them: by a watch that misses nothing.
// Independent of the operator's reflector.

import { request } from 'node:https';
import type { ControlPlane } from '../control-plane/control-plane.ts';

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

export interface ObjectWatch {
  /** What happened so far. */
  // oxlint-disable-next-line typescript/no-explicit-any -- objects of any kind
  readonly events: () => readonly { readonly type: string; readonly object: any }[];
  readonly stop: () => void;
}

/** Every object of the collection at `path`, from `version` on. */
export function watchObjects(plane: ControlPlane, path: string, version: string): ObjectWatch {
  const headers = { authorization: `Bearer ${plane.adminToken}` };
  const url = `${plane.url}${path}?watch=true&resourceVersion=${version}`;
  let text = '';
  const asked = request(url, { headers, ca: plane.certificateAuthority }, (answer) => {
    answer.setEncoding('utf8');
    answer.on('data', (part: string) => {
      text += part;
    });
    answer.on('error', () => {});
  });
  asked.on('error', () => {});
  asked.end();
  return {
    events: () =>
      text
        .split('\n')
        // The last one is empty or incomplete.
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    stop: () => void asked.destroy(),
  };
}
