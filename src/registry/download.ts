/** A file from a server that the user has named: no credentials but those in its URL, and the limits of a blob. */
import { STATUS_CODES } from 'node:http';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { type RegistryClientOptions, transportSettings } from './client.js';
import { exchange } from './exchange.js';
import { networkError, timeoutError } from './network-error.js';
import { shownUrl } from './shown-url.js';
import { openTransport } from './transport.js';

export interface DownloadOptions
  extends Pick<RegistryClientOptions, 'caFiles' | 'configDir' | 'env' | 'signal' | 'timeouts'> {
  readonly url: URL;
}

/** @throws KnownError `E_NETWORK`, `E_TLS`, `E_REGISTRY`, `E_NOT_FOUND`, `E_CANCELLED` */
export async function* download({ url, signal, ...options }: DownloadOptions): AsyncGenerator<Buffer> {
  const transport = openTransport(transportSettings({ ...options, domain: url.host, path: '' }));
  try {
    const request = { method: 'GET', url, headers: { 'user-agent': 'tspull', 'accept-encoding': 'identity' } } as const;
    const {
      response,
      status,
      url: from,
    } = await exchange({
      ...request,
      ownHeaders: {},
      authorization: undefined,
      transport,
      signal,
    });
    if (status !== 200) {
      response.destroy();
      const text = printable(`${status} ${STATUS_CODES[status] ?? ''}`.trim());
      const code = status === 404 ? 'E_NOT_FOUND' : 'E_REGISTRY';
      throw new KnownError(code, `failed to GET ${shownUrl(from)} with status ${text}`, { hint: 'check the address' });
    }
    const { stallMs, stallBytes } = transport.settings.timeouts;
    let since = 0;
    const timer = setInterval(() => {
      if (since < stallBytes)
        response.destroy(timeoutError(`${from.host} brings less than ${stallBytes} bytes in ${stallMs / 1000} s`));
      since = 0;
    }, stallMs);
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        since += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw networkError(error, 'GET', from);
    } finally {
      clearInterval(timer);
    }
  } finally {
    transport.close();
  }
}
