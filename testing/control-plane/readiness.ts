// Polls whether a server answers yet. It only reads, and never waits past its deadline.

import { request } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a request to an API server needs. */
export interface ApiServerAddress {
  readonly url: string;
  /** PEM. */
  readonly certificateAuthority: string;
  readonly token: string;
}

/** A server that accepts a connection and then is silent for this long is not ready. */
const ANSWER_MS = 2_000;

/** Short beside the 3 s a start takes. */
const LOOK_MS = 25;

/**
 * Polls until `look` returns something.
 * @param explain  makes the message of the error
 * @throws Error after `limitMs`, or what `look` throws
 */
export async function waitFor<T>(
  limitMs: number,
  look: () => Promise<T | undefined>,
  explain: () => string,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(explain());
    await sleep(LOOK_MS);
  }
}

/** GET over verified TLS. `status` is 0 when there was no answer; never rejects. */
export async function askApiServer(address: ApiServerAddress, path: string): Promise<{ status: number; body: string }> {
  return await new Promise((resolve) => {
    const none = (): void => resolve({ status: 0, body: '' });
    const options = {
      ca: address.certificateAuthority,
      headers: { authorization: `Bearer ${address.token}` },
      agent: false as const,
      timeout: ANSWER_MS,
    };
    const call = request(new URL(path, address.url), options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body })).on('error', none);
    });
    call
      .on('timeout', () => call.destroy())
      .on('error', none)
      .end();
  });
}

/** Whether a server accepts connections on a Unix socket. */
export async function socketAnswers(path: string): Promise<true | undefined> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => resolve(true)).on('error', () => resolve(undefined));
    socket.on('connect', () => socket.destroy());
  });
}
