// A certificate in files.

import type { KeyPair } from '../../pki/certificate.ts';
import { readPair } from '../../pki/files.ts';
import type { Source } from './certificate-source.ts';

/** Files that another program renews, such as cert-manager, which also maintains `caBundle`. */
export function sourceOfFiles(folder: string): Source {
  let held: KeyPair | undefined;
  return {
    async look() {
      const pair = await readPair(folder);
      if (held?.certificate !== pair.certificate || held.key !== pair.key) held = pair;
      return { pair: held, lacks: undefined };
    },
  };
}
