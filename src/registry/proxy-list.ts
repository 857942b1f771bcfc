/** NO_PROXY as Go programs read it (golang.org/x/net/http/httpproxy). */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { bareAddress } from './address.js';

/** True when a connection to `url` is to be made without the proxy. */
export function isExcluded(url: URL, list: string | undefined): boolean {
  const host = bareAddress(url.hostname);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return (list ?? '')
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .some((item) => item !== '' && excludes(item, host, port));
}

function excludes(item: string, host: string, port: string): boolean {
  if (item === '*') return true;
  const [network = '', bits = ''] = item.split('/');
  if (item.includes('/') && isIP(network) !== 0) return isInNetwork(host, network, bits);
  const split = /^(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(item);
  if (split?.[1] === '' || (split?.[2] !== undefined && split[2] !== '' && split[2] !== port)) return false;
  const pattern = bareAddress(split?.[1] ?? item);
  if (isIP(pattern) !== 0) return isInNetwork(host, pattern, isIPv6(pattern) ? '128' : '32');
  return isInDomain(host, pattern.replace(/^\*(?=\.)/, ''));
}

/** `.a.test` means what lies below it, `a.test` the name itself as well. */
function isInDomain(host: string, pattern: string): boolean {
  const below = pattern.startsWith('.') ? pattern.slice(1) : pattern;
  // Only where it must be: of `2.3` it would make an address.
  const name = /^[\x00-\x7f]*$/.test(below) ? below : domainToASCII(below);
  return host.endsWith(`.${name}`) || (host === name && !pattern.startsWith('.'));
}

function isInNetwork(host: string, network: string, prefix: string): boolean {
  const bits = Number(prefix);
  const family = isIPv6(network) ? 'ipv6' : 'ipv4';
  if (isIP(host) === 0 || !/^\d+$/.test(prefix) || bits > (family === 'ipv6' ? 128 : 32)) return false;
  const block = new BlockList();
  block.addSubnet(network, bits, family);
  return block.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}
