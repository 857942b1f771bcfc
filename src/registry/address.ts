/** What kind of address a host name in a URL is. Only literals are judged; names are not looked up. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export type AddressKind = 'name' | 'public' | 'private' | 'loopback' | 'link-local' | 'unspecified';

// IANA special-purpose address registries (RFC 6890).
const ranges: [AddressKind, 'ipv4' | 'ipv6', string, number][] = [
  ['loopback', 'ipv4', '127.0.0.0', 8],
  ['loopback', 'ipv6', '::1', 128],
  ['unspecified', 'ipv4', '0.0.0.0', 8],
  ['unspecified', 'ipv6', '::', 128],
  ['link-local', 'ipv4', '169.254.0.0', 16],
  ['link-local', 'ipv6', 'fe80::', 10],
  ['private', 'ipv4', '10.0.0.0', 8],
  ['private', 'ipv4', '172.16.0.0', 12],
  ['private', 'ipv4', '192.168.0.0', 16],
  ['private', 'ipv4', '100.64.0.0', 10],
  ['private', 'ipv6', 'fc00::', 7],
];
/** Made when it is asked for the first time: making all of them takes a millisecond of every command. */
function lists(ofFamily: 'ipv4' | 'ipv6') {
  known[ofFamily] ??= ranges
    .filter(([, family]) => family === ofFamily)
    .map(([kind, family, network, prefix]) => {
      const list = new BlockList();
      list.addSubnet(network, prefix, family);
      return { kind, list };
    });
  return known[ofFamily];
}
const known: { [family in 'ipv4' | 'ipv6']?: { kind: AddressKind; list: BlockList }[] } = {};

/** @param hostname - of a URL: WHATWG parsing has turned hexadecimal and decimal forms of IPv4 into the usual one. */
export function addressKind(hostname: string): AddressKind {
  const bare = bareAddress(hostname);
  if (/^(?:.+\.)?localhost\.?$/i.test(bare)) return 'loopback';
  const address = embeddedIPv4(bare) ?? bare;
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined;
  if (family === undefined) return 'name';
  return lists(family).find(({ list }) => list.check(address, family))?.kind ?? 'public';
}

/** `[::1]` without its brackets. */
export function bareAddress(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

/** IPv4 inside IPv6: mapped, compatible, and by NAT64 (RFC 4291 2.5.5, RFC 6052), as WHATWG URLs write them. */
function embeddedIPv4(address: string): string | undefined {
  const match = /^(?:::ffff:|::|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const [high, low] = [Number.parseInt(match[1], 16), Number.parseInt(match[2], 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
