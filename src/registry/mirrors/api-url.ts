/** URLs by which configuration names the API of a registry or mirror. */
import type { Provenance } from '../endpoint-plan.js';
import { configError } from './config-file.js';

/** Checks what containerd's and Docker's files and our flag call a host: `https://mirror.test:5000/path`; https if not said. */
export function parseApiUrl(text: string, at: Provenance): URL {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  const problem = (what: string) => configError(at, `the URL ${what}`);
  if (text === '' || !URL.canParse(full) || /[\u0000-\u0020\u007f\\]/.test(full)) throw problem('cannot be parsed');
  const url = new URL(full);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw problem('is neither http nor https');
  if (url.username !== '' || url.password !== '') throw problem('has a user or password in it; use a login instead');
  if (url.search !== '' || url.hash !== '') throw problem('has a query or fragment');
  return url;
}

/**
 * The root of the API, ending in `/`. As containerd: `/v2` is added to a path that does not end so.
 *
 * @param overridePath - the path is the root as it stands.
 */
export function apiRoot(url: URL, overridePath: boolean): string {
  const path = url.pathname.replace(/\/+/g, '/').replace(/\/$/, '');
  const root = overridePath || path.endsWith('/v2') ? path : `${path}/v2`;
  return `${url.origin}${root}/`;
}

/** `mirror.test:5000`; plain http on its usual port is another server than https, with other logins. */
export function loginDomain(url: URL): string {
  return url.protocol === 'http:' && url.port === '' ? `${url.host}:80` : url.host;
}
