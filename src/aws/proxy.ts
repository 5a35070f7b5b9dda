// The variables that name a proxy, in either case -> its address, or what is wrong with the variable. No message
// repeats a value, or a piece of one: it may hold a password. Pure.

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that name a proxy: for calls over TLS, and for those to an endpoint of plain HTTP. */
export const PROXY_VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY'] as const;

/** The variable that counts, and its value. Lower case goes before upper case, as in curl, Go and Node. */
export function valueOf(env: Environment, name: string): { readonly name: string; readonly value: string } | undefined {
  for (const one of [name.toLowerCase(), name]) {
    const value = env[one];
    if (value) return { name: one, value };
  }
  return undefined;
}

/** @returns the address; a sentence when the variable holds none; undefined when it is not set */
export function readProxy(env: Environment, variable: (typeof PROXY_VARIABLES)[number]): URL | string | undefined {
  const given = valueOf(env, variable);
  if (!given) return undefined;
  const value = given.value.trim();
  // Without a scheme it is HTTP, as for curl.
  const url = URL.parse(value.includes('://') ? value : `http://${value}`);
  const fault = faultOf(value, url);
  if (url && fault === undefined) return url;
  return `${given.name} is not the address of a proxy: ${fault ?? EXAMPLE}`;
}

const EXAMPLE = 'give it like http://proxy.example.com:3128';

/**
 * Looks at the text and not only at the URL: an unencoded slash, `?` or `#` in a password ends the address for a
 * parser, and what it takes for the host is a piece of the password, which would get into DNS queries and messages.
 */
function faultOf(value: string, url: URL | null): string | undefined {
  const address = value.slice(value.includes('://') ? value.indexOf('://') + 3 : 0);
  if (/^["'`]/.test(value)) return `it is in quotes; ${EXAMPLE}`;
  if (/\s/.test(value)) return 'there is white space in it; in user and password write %20';
  if (address.includes('\\')) return 'there is a \\ in it; write it as %5C (DOMAIN%5Cuser)';
  if (address.includes('#')) return 'there is a # in it; in user and password write %23';
  if (address.includes('?')) return 'there is a ? in it; in user and password write %3F';
  if (address.replace(/\/$/, '').includes('/'))
    return 'there is a / in it; in user and password write %2F, and give no path behind the host';
  if (!isDecodable(address)) return 'there is a % in it that begins no character of UTF-8; write a % itself as %25';
  if (!url) return EXAMPLE;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'it has to begin with http:// or https://';
  return undefined;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
