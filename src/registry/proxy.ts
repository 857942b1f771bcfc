/** Which proxy a URL goes through, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go programs read them. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { KnownError } from '../../store/errors.js';
import { addressKind, bareAddress } from './address.js';
import type { ProxySettings } from './settings.js';

/** The proxy for `url`; undefined for a direct connection. */
export function proxyFor(url: URL, settings: ProxySettings): URL | undefined {
  const value = url.protocol === 'https:' ? settings.https : settings.http;
  if (value === undefined || addressKind(url.hostname) === 'loopback' || isExcluded(url, settings.no)) return undefined;
  return parseProxy(value);
}

function parseProxy(value: string): URL {
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new KnownError('E_USAGE', 'the proxy in the environment is not an http:// or https:// URL');
  return url;
}

function isExcluded(url: URL, list: string | undefined): boolean {
  const host = bareAddress(url.hostname);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return (list ?? '')
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .some((item) => item !== '' && excludes(item, host, port));
}

function excludes(item: string, host: string, port: string): boolean {
  if (item === '*') return true;
  if (item.includes('/')) return isInNetwork(item, host);
  const withPort = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(item);
  if (withPort?.[2] !== undefined && withPort[2] !== port) return false;
  const pattern = bareAddress(withPort?.[1] ?? item).replace(/^\*(?=\.)/, '');
  if (isIP(host) !== 0) return pattern === host;
  if (pattern.startsWith('.')) return host.endsWith(pattern);
  return host === pattern || host.endsWith(`.${pattern}`);
}

function isInNetwork(item: string, host: string): boolean {
  const [network = '', prefix = ''] = item.split('/');
  const bits = Number(prefix);
  if (isIP(host) === 0 || isIP(network) === 0 || !/^\d+$/.test(prefix) || bits > (isIPv6(network) ? 128 : 32))
    return false;
  const block = new BlockList();
  block.addSubnet(network, bits, isIPv6(network) ? 'ipv6' : 'ipv4');
  return block.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}

/** The value of Proxy-Authorization for the user and password in a proxy URL. */
export function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === '' && proxy.password === '') return undefined;
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(user).toString('base64')}`;
}
