// Sees what happens to every Secret, as a kubelet would: by a watch that misses nothing. Independent of our own reflector.

import { request } from 'node:https';
import type { ControlPlane } from './control-plane/control-plane.ts';

export interface SecretEvent {
  readonly type: string;
  readonly namespace: string;
  readonly uid: string;
  /** Annotation `expiry`; undefined when there is none. */
  readonly expiry: string | undefined;
}

export interface SecretWatch {
  /** What happened so far to the Secrets of this name. */
  events(name: string): readonly SecretEvent[];
  stop(): void;
}

/** Every Secret of the cluster, from `version` on. */
export function watchSecrets(plane: ControlPlane, version: string): SecretWatch {
  const headers = { authorization: `Bearer ${plane.adminToken}` };
  const url = `${plane.url}/api/v1/secrets?watch=true&resourceVersion=${version}`;
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
    events: (name) =>
      text
        .split('\n')
        // The last one is empty, or not whole yet.
        .slice(0, -1)
        .map((line) => JSON.parse(line))
        .filter(({ object }) => object.metadata.name === name)
        .map(({ type, object: { metadata } }) => ({
          type,
          namespace: metadata.namespace,
          uid: metadata.uid,
          expiry: metadata.annotations?.expiry,
        })),
    stop: () => void asked.destroy(),
  };
}
