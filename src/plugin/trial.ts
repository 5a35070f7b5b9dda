// Asks a registry whether a login of a Secret may pull an image.

import { opens } from '../core/docker-keyring.ts';
import { isPublicEcr, parseImage } from '../core/image.ts';
import { pullVerdict, wordsOf } from '../core/pull-verdict.ts';
import { BadImageName, type RegistryClient } from '../registry/client.ts';
import type { HostLogin } from './pull-secret.ts';
import { plain } from './terminal.ts';
import { usage } from './usage.ts';

export interface Trial {
  readonly image: string;
  readonly host: string;
  readonly mayPull: boolean;
  readonly reason: string;
  /** The registry's own; empty when it said nothing. */
  readonly words: string;
  readonly help: string;
}

/** A name and a port, so that a login goes to no other place than it seems to. */
const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?$/;

/** @throws Failure of usage for an image that no login could be sent for */
export async function tryPull(registry: RegistryClient, image: string, logins: readonly HostLogin[]): Promise<Trial> {
  const named = parseImage(image);
  if (image === '' || !HOST.test(named.host)) throw usage(`--test: "${image}" is no name of an image`);
  if (isPublicEcr(named.host))
    throw usage('--test: ECR Public gives tokens by another way; it can be asked for private registries');
  const login = logins.find(({ host }) => opens(host, named));
  const trial = { image: plain(image), host: named.host };
  if (!login)
    return {
      ...trial,
      mayPull: false,
      reason: 'HostNotCovered',
      words: '',
      help: `the Secret does not open ${named.host}`,
    };
  const { username, password } = login;
  try {
    const answer = await registry.ask({ ...named, username, password });
    return { ...trial, ...pullVerdict(answer), words: plain(wordsOf(answer)) };
  } catch (thrown) {
    if (thrown instanceof BadImageName) throw usage(`--test: "${image}" is no name of an image`);
    const words = thrown instanceof Error ? plain(thrown.message) : '';
    const help = 'it could not be asked: is its name right, and is it reached from here (HTTPS_PROXY)?';
    return { ...trial, mayPull: false, reason: 'RegistryUnreachable', words, help };
  }
}
