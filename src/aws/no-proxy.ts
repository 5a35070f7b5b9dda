// `NO_PROXY` -> which hosts are called without the proxy. Read as Go's programs read it, such as kubectl, Helm and the
// kubelet (golang.org/x/net/http/httpproxy): Node itself takes a name without a leading dot for that one host only, and
// no range of addresses. One difference: blanks separate entries too. Pure.

import { BlockList, isIP, isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';

/** A host as a URL names it: in lower case, without brackets. */
type GoesDirect = (host: string, port: string) => boolean;

/** One entry; an address matches no name, nor a name an address. */
type Matcher = (host: string, port: string, isAddress: boolean) => boolean;

/** @returns whether a host is called directly; those of the machine itself always are */
export function readNoProxy(list: string): GoesDirect {
  const entries = list.toLowerCase().split(/[\s,]+/);
  const matchers = entries.includes('*') ? [() => true] : entries.flatMap((entry) => matcherOf(entry) ?? []);
  return (host, port) => {
    const isAddress = isIP(host) !== 0;
    return isOwnMachine(host) || matchers.some((matches) => matches(host, port, isAddress));
  };
}

const LOOPBACK = addresses((list) => {
  list.addSubnet('127.0.0.0', 8, 'ipv4');
  list.addAddress('::1', 'ipv6');
});

const IPV4 = addresses((list) => list.addSubnet('0.0.0.0', 0, 'ipv4'));

function isOwnMachine(host: string): boolean {
  return host === 'localhost' || LOOPBACK(host);
}

function matcherOf(entry: string): Matcher | undefined {
  const [, address = '', prefix] = /^([^/]*)\/(\d+)$/.exec(entry) ?? [];
  const family = familyOf(address);
  if (family && prefix !== undefined && Number(prefix) <= (family === 'ipv4' ? 32 : 128)) {
    const isInRange = addresses((list) => list.addSubnet(address, Number(prefix), family));
    // To Go an IPv4 address in the form of IPv6 is one of IPv4, and in no range of IPv6.
    return (host) => isInRange(host) && (family === 'ipv4') === IPV4(host);
  }
  const { host: named, port: onPort } = splitPort(entry);
  const isPort = (port: string): boolean => onPort === '' || onPort === port;
  const nameFamily = familyOf(named);
  if (nameFamily) {
    const isIt = addresses((list) => list.addAddress(named, nameFamily));
    return (host, port) => isIt(host) && isPort(port);
  }
  return named === '' ? undefined : nameMatcher(named, isPort);
}

/** `example.com` is that host and those below it, `.example.com` and `*.example.com` only those below it. */
function nameMatcher(named: string, isPort: (port: string) => boolean): Matcher {
  const text = named.startsWith('*.') ? named.slice(1) : named;
  const isBelow = text.startsWith('.');
  const bare = isBelow ? text.slice(1) : text;
  // The function is made for names, and cuts off what is no part of one.
  const name = /[^\0-\x7f]/.test(bare) ? domainToASCII(bare) : bare;
  return (host, port, isAddress) =>
    !isAddress && isPort(port) && (host.endsWith(`.${name}`) || (!isBelow && host === name));
}

/** An entry's host and port, if it has one: `[::1]:443` has, `::1` has not. */
function splitPort(entry: string): { readonly host: string; readonly port: string } {
  const [, inBrackets, bare, port] = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(entry) ?? [];
  return port === undefined ? { host: entry, port: '' } : { host: inBrackets ?? bare ?? '', port };
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  // Node takes a zone (`fe80::1%eth0`) for a part of an address.
  if (isIP(address) === 0 || address.includes('%')) return undefined;
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

function addresses(fill: (list: BlockList) => void): (host: string) => boolean {
  const list = new BlockList();
  fill(list);
  return (host) => isIP(host) !== 0 && list.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');
}
