// One question to a registry, as a kubelet would ask it: may this login see the manifest of an image?

import type { IncomingMessage } from 'node:http';
import { type Agent, request } from 'node:https';
import { within } from '../lib/deadline.ts';
import { listOf, parseJson, recordOf, stringOf } from '../lib/json.ts';
import { createMask, maskError } from '../lib/mask.ts';
import { isDigest, isRepository, isTag } from '../lib/oci-name.ts';
import { othersWords } from '../lib/others-words.ts';
import { type Clock, seconds } from '../lib/time.ts';

export interface ManifestQuestion {
  /** With a port if it has one; already checked to be a host name. */
  readonly host: string;
  /** Path of the repository. */
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
  readonly username: string;
  readonly password: string;
}

/** What the registry said; it repeats nothing of the login. */
export interface ManifestAnswer {
  /** HTTP status. */
  readonly status: number;
  /** Of the first error in its body, such as NAME_UNKNOWN; empty when it named none. */
  readonly code: string;
  /** The sentence of that error; empty when there is none. */
  readonly message: string;
}

/** Nothing was asked. */
export class BadImageName extends Error {}

export interface RegistryClient {
  /** @throws BadImageName; another Error, whose texts repeat nothing of the login, when nothing answers in time */
  ask(question: ManifestQuestion, signal?: AbortSignal): Promise<ManifestAnswer>;
  /** `host:port` of the proxy on the way to a host, if there is one. */
  proxyTo(host: string): string | undefined;
}

export interface RegistryClientOptions {
  /** Proxies and authorities are its. */
  readonly agentFor: (host: string, port: string) => Agent;
  /** Undefined: not known. */
  readonly proxyFor?: (host: string, port: string) => string | undefined;
  readonly clock: Clock;
  readonly userAgent: string;
}

const TIMEOUT = seconds(10);
/** Of an answer, whatever its length. */
const MOST_BYTES = 64 * 1024;
const LONGEST_MESSAGE = 1_000;

/** Every form of a manifest that a container runtime takes (OCI image specification; Docker image manifest v2). */
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { agentFor, proxyFor = () => undefined, clock, userAgent } = options;
  const send = async (
    method: 'HEAD' | 'GET',
    { host, repository, reference, username, password }: ManifestQuestion,
    signal: AbortSignal,
  ): Promise<ManifestAnswer> => {
    const { hostname, port } = addressOf(host);
    if (!isRepository(repository) || !(isTag(reference) || isDigest(reference)))
      throw new BadImageName('that is no name of an image');
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request(
        {
          host: hostname,
          port,
          path: `/v2/${repository}/manifests/${reference}`,
          method,
          agent: agentFor(hostname, port),
          signal,
          headers: {
            accept: ACCEPT,
            'user-agent': userAgent,
            authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
          },
        },
        resolve,
      )
        .on('error', reject)
        .end();
    });
    return { status: answer.statusCode ?? 0, ...errorIn(await textOf(answer)) };
  };
  return {
    async ask(question, outer) {
      const { username, password } = question;
      // ECR's user name is everybody's.
      const mask = createMask([username === 'AWS' ? undefined : username, password]);
      try {
        const { status, code, message } = await within(TIMEOUT, outer, clock, async (signal) => {
          const head = await send('HEAD', question, signal);
          // The answer to HEAD has no body: a refusal is asked again for its words.
          return head.status < 400 ? head : await send('GET', question, signal);
        });
        return { status, code: mask(code), message: mask(message) };
      } catch (thrown) {
        maskError(thrown, mask);
        throw thrown;
      }
    },
    proxyTo(host) {
      const { hostname, port } = addressOf(host);
      return proxyFor(hostname, port);
    },
  };
}

function addressOf(host: string): { readonly hostname: string; readonly port: string } {
  const { hostname, port } = new URL(`https://${host}`);
  return { hostname, port: port === '' ? '443' : port };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) {
      answer.destroy();
      return '';
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The first error of a body as the OCI distribution specification has it; of anything else none. */
function errorIn(text: string): Pick<ManifestAnswer, 'code' | 'message'> {
  const [first] = listOf(recordOf(parseJson(text))['errors']).map(recordOf);
  const part = (name: string): string => othersWords(stringOf(first?.[name]) ?? '', LONGEST_MESSAGE);
  return { code: part('code'), message: part('message') };
}
