// A name server on loopback with one address for every name. It delays some answers and never sends others.
// Needs root: port 53.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** The answer to a query. `dead`: none. `servfail`: the server reports a failure, after `ms`. */
export type NameAnswer =
  | { readonly op: 'address'; readonly address: string }
  | { readonly op: 'none' }
  | { readonly op: 'dead' }
  | { readonly op: 'servfail'; readonly ms: number };

export interface NameServer {
  /** Queries so far, by name in lower case. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** Of the header (RFC 1035, 4.1.1): an answer, recursion available; and the codes of errors. */
const [ANSWER, SERVER_FAILURE, NAME_ERROR] = [0x81_80, 2, 3];
const [TYPE_A, HEADER_BYTES] = [1, 12];

/** @param answer  by name in lower case, without the dot at its end */
export async function startNameServer(host: string, answer: (name: string) => NameAnswer): Promise<NameServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  const timers = new Set<NodeJS.Timeout>();

  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query);
    asked.push(name);
    const outcome = answer(name);
    if (outcome.op === 'dead') return;
    const reply = (): void => socket.send(replyTo(query.subarray(0, end), type, outcome), from.port, from.address);
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        reply();
      },
      outcome.op === 'servfail' ? outcome.ms : 0,
    );
    timers.add(timer);
  });
  socket.bind(53, host);
  await once(socket, 'listening');
  return {
    asked,
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      socket.close();
      await once(socket, 'close');
    },
  };
}

function questionOf(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.subarray(at + 1, at + 1 + length).toString());
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function replyTo(query: Buffer, type: number, outcome: Exclude<NameAnswer, { readonly op: 'dead' }>): Buffer {
  const head = Buffer.from(query);
  const isAnswered = outcome.op === 'address' && type === TYPE_A;
  const code = { address: 0, none: NAME_ERROR, servfail: SERVER_FAILURE }[outcome.op];
  head.writeUInt16BE(ANSWER | code, 2);
  head.writeUInt16BE(isAnswered ? 1 : 0, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  if (!isAnswered) return head;
  // A pointer to the name of the query, type A, class IN, five seconds, four bytes.
  const record = [0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 5, 0, 4, ...outcome.address.split('.').map(Number)];
  return Buffer.concat([head, Buffer.from(record)]);
}
