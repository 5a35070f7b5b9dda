// Why a connection brought no answer, in words that are the same at each attempt.

import { stringOf } from './json.ts';
import { othersWords } from './others-words.ts';

const LONGEST_REFUSAL = 600;

/**
 * By its code, which Node.js documents: its texts have addresses, of which a name has several, and what OpenSSL says
 * has a number of the process.
 *
 * @param thrown  anything that a connection or a call of the SDK threw
 * @param proxy   `host:port` of the proxy on the way, if there is one: it is the first thing to check
 */
export function networkWords(thrown: unknown, proxy?: string): string {
  const by = proxy === undefined ? '' : ` (by way of the proxy ${proxy})`;
  if (!(thrown instanceof Error)) return `no answer${by}`;
  const code = codeOf(thrown);
  // To the SDK these are time-outs as well, whatever it waited for (@smithy/node-http-handler).
  if (code === 'ECONNRESET' || code === 'EPIPE') return `${code}, the connection was closed before the answer${by}`;
  if (thrown.name === 'AbortError' || thrown.name === 'TimeoutError') return `no answer in time${by}`;
  // Node's words name the proxy, without its password, and quote its answer.
  if (code === 'ERR_PROXY_TUNNEL') return `the proxy refused: ${othersWords(thrown.message, LONGEST_REFUSAL)}`;
  // The names in the certificate show who is on the way.
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${code}: ${othersWords(thrown.message, LONGEST_REFUSAL)}${by}`;
  return `${code ?? 'no answer'}${by}`;
}

/** Of several addresses that fail, each in its way, all codes: which of them is first, is up to the name server. */
function codeOf(thrown: Error): string | undefined {
  const own = stringOf(Reflect.get(thrown, 'code'));
  if (!(thrown instanceof AggregateError)) return own;
  const codes = thrown.errors.flatMap((one: unknown) => (one instanceof Error ? (codeOf(one) ?? []) : []));
  return codes.length === 0 ? own : [...new Set(codes)].toSorted().join(', ');
}
