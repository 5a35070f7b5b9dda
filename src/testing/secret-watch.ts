// Sees every Secret that is deleted, as a kubelet would: by a watch that misses nothing. Independent of our own reflector.

import { request } from 'node:https';
import type { ControlPlane } from './control-plane/control-plane.ts';

export interface SecretWatch {
  /** Namespaces in which a Secret of this name was deleted. */
  deleted(name: string): readonly string[];
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
    deleted: (name) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
        .filter(({ type, object }) => type === 'DELETED' && object.metadata.name === name)
        .map(({ object }) => object.metadata.namespace),
    stop: () => void asked.destroy(),
  };
}
