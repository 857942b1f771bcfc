import { printable } from '../../store/printable.js';

/** A URL for messages. The query may be a signature that opens a blob, so it stays out, as do user and password. */
export function shownUrl(url: URL): string {
  return printable(`${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`, 500);
}
