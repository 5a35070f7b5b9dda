// A bound on the answers of AWS, or of an impostor: the SDK itself reads to the end, however long they are.

import { Readable, Transform } from 'node:stream';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { Failure } from '../lib/errors.ts';

/** Handler of the SDK's requests. */
export type RequestHandler = Pick<NodeHttpHandler, 'handle' | 'metadata' | 'updateHttpClientConfig'>;

export type HttpRequest = Parameters<RequestHandler['handle']>[0];

/** Answers are under 8 KB (a token of 4, keys of a role with a session token); error pages of proxies are small too. */
export const ANSWER_CAP_BYTES = 256 * 1024;

/** @param options  of the SDK's own handler, which does everything else, and which the first request loads */
export function createBoundedHandler(options: ConstructorParameters<typeof NodeHttpHandler>[0]): RequestHandler {
  let made: Promise<NodeHttpHandler> | undefined;
  const handler = (): Promise<NodeHttpHandler> => {
    made ??= import('./sdk.ts').then(({ NodeHttpHandler }) => new NodeHttpHandler(options));
    return made;
  };
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(...request) {
      const answered = await (await handler()).handle(...request);
      const { response } = answered;
      const body: unknown = response.body;
      if (body instanceof Readable) response.body = bounded(body);
      return answered;
    },
    updateHttpClientConfig: (key, value) => void handler().then((one) => one.updateHttpClientConfig(key, value)),
  };
}

function bounded(body: Readable): Readable {
  let seen = 0;
  const result = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > ANSWER_CAP_BYTES) done(tooLarge());
      else done(null, chunk);
    },
  });
  body.on('error', (error) => result.destroy(error));
  result.on('close', () => body.destroy());
  return body.pipe(result);
}

function tooLarge(): Failure {
  const failure = new Failure({
    next: 'backoff',
    reason: 'AWSFailed',
    message: `AWS, or what is on the way to it, answered with more than ${ANSWER_CAP_BYTES / 1024} KiB; the rest was not read`,
  });
  // Without this the SDK appends a sentence for those who debug it.
  return Object.assign(failure, { $metadata: {} });
}
