/** Which proxy a URL goes through, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go programs read them. */
import { KnownError } from '../../store/errors.js';
import { addressKind } from './address.js';
import { isExcluded } from './proxy-list.js';
import type { ProxySettings } from './settings.js';

/** The proxy for `url`; undefined for a direct connection. @throws KnownError `E_USAGE` */
export function proxyFor(url: URL, settings: ProxySettings): URL | undefined {
  const value = url.protocol === 'https:' ? settings.https : settings.http;
  if (value === undefined || addressKind(url.hostname) === 'loopback' || isExcluded(url, settings.no)) return undefined;
  return parseProxy(value);
}

/** Nothing of the value is shown: it may hold a password. */
function parseProxy(value: string): URL {
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '')
    throw new KnownError('E_USAGE', 'the proxy in the environment is not a URL', { hint: form });
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new KnownError('E_USAGE', `the proxy in the environment is of the kind "${url.protocol.slice(0, 20)}"`, {
      hint: form,
    });
  if ([url.username, url.password].some((part) => decoded(part) === undefined))
    throw new KnownError('E_USAGE', `user and password of proxy ${url.host} are not percent-encoded`, {
      hint: 'in a URL % is written %25, @ %40, : %3A and / %2F',
    });
  return url;
}

const form = 'HTTP_PROXY and HTTPS_PROXY have the form http://[USER:PASSWORD@]HOST:PORT or https://…';

/** The value of Proxy-Authorization for the user and password in a proxy URL. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** A proxy's port, which a URL leaves out when it is the usual one. */
export function proxyPort({ port, protocol }: URL): number {
  return Number(port || (protocol === 'https:' ? 443 : 80));
}
