/** Redirects, followed by hand: an HTTP library's idea of "same origin" decides who sees credentials. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { addressKind } from './address.js';
import { shownUrl } from './shown-url.js';

export const maxRedirects = 10;

/** Where a request has come to. Once a hop left the first origin, nothing secret is sent any more, not even back there. */
export interface Hop {
  readonly url: URL;
  readonly foreign: boolean;
  /** The URLs so far, to see loops. */
  readonly visited: readonly string[];
}

export function firstHop(url: URL): Hop {
  return { url, foreign: false, visited: [url.href] };
}

export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/**
 * The next URL. Only http and https, never from https to http, no user or password, no control characters, no loops,
 * at most {@link maxRedirects}; and no way from a public host to this machine or its cloud's metadata service.
 *
 * @throws KnownError `E_REGISTRY`
 */
export function nextHop(hop: Hop, location: string | undefined): Hop {
  const from = hop.url;
  if (location === undefined || location === '') throw refuse(from, 'without saying where');
  // URL parsing drops tabs and newlines and takes backslashes for slashes; nobody sends those in good faith.
  if (/[\u0000-\u0020\u007f\\]/.test(location)) throw refuse(from, 'to a URL with forbidden characters');
  if (location.length > 8192 || !URL.canParse(location, from.href)) throw refuse(from, 'to something that is no URL');
  const url = new URL(location, from);
  url.hash = '';
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw refuse(from, `to "${printable(url.protocol, 30)}", which is neither http nor https`);
  if (from.protocol === 'https:' && url.protocol === 'http:') throw refuse(from, 'from https to plain http');
  if (url.username !== '' || url.password !== '') throw refuse(from, 'to a URL with a user or password in it');
  if (reachesInward(from, url)) throw refuse(from, `to the internal address ${url.host}`);
  if (hop.visited.includes(url.href)) throw refuse(from, 'in a circle');
  if (hop.visited.length > maxRedirects) throw refuse(from, `more than ${maxRedirects} times`);
  return { url, foreign: hop.foreign || !isSameOrigin(from, url, location), visited: [...hop.visited, url.href] };
}

function isSameOrigin(from: URL, to: URL, location: string): boolean {
  if (from.origin !== to.origin) return false;
  // The same host in another spelling gets no benefit of the doubt.
  const authority = /^(?:[a-z][a-z0-9+.-]*:)?\/\/([^/?#]*)/i.exec(location)?.[1];
  return authority === undefined || authority === from.host;
}

function reachesInward(from: URL, to: URL): boolean {
  const inward = ['loopback', 'link-local', 'unspecified'];
  return inward.includes(addressKind(to.hostname)) && !inward.includes(addressKind(from.hostname));
}

function refuse(from: URL, problem: string): KnownError {
  return new KnownError('E_REGISTRY', `${shownUrl(from)} redirects ${problem}`, {
    hint: 'it is not safe to follow: tell whoever runs the registry',
  });
}
