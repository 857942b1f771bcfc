/**
 * API requests: everything small that is asked of a registry or token server. The only user of got, which is loaded
 * when the first request is made. Redirects, retries and decompression are switched off: got would send credentials
 * over plain http after a redirect on the same host, repeat a body with a password to another origin, wait a day for
 * Retry-After, and change the bytes that a digest names.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Response } from 'got';
import { KnownError } from '../../store/errors.js';
import { networkError } from './network-error.js';
import { shownUrl } from './shown-url.js';
import type { Transport } from './transport.js';

export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body?: string;
  /** More than this many bytes in a good answer is an error. */
  readonly maxBytes: number;
  readonly transport: Transport;
  readonly signal: AbortSignal | undefined;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Bytes as they came; of an error answer the first {@link maxErrorBytes}. */
  readonly body: Buffer;
}

/** Nobody reads longer error texts. */
export const maxErrorBytes = 64 * 1024;

/** Sends one request and reads its answer whatever the status is. Redirects are answers, too. */
export async function apiRequest(request: ApiRequest): Promise<ApiResponse> {
  const { url, method } = request;
  // got keeps listening after the answer, and an abort then would surface as an error that nobody waits for.
  const abort = new AbortController();
  const onAbort = () => abort.abort(request.signal?.reason);
  request.signal?.throwIfAborted();
  request.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const stream = await openStream({ ...request, signal: abort.signal });
    let answer: Response | undefined;
    stream.once('response', (response: Response) => {
      answer = response;
    });
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const ok = answer !== undefined && answer.statusCode < 300;
      length += chunk.length;
      chunks.push(chunk);
      if (length <= (ok ? request.maxBytes : maxErrorBytes)) continue;
      // Leaving the loop destroys the stream and its connection.
      if (ok)
        throw new KnownError('E_REGISTRY', `${method} "${shownUrl(url)}" brings more than ${request.maxBytes} bytes`);
      break;
    }
    if (answer === undefined) throw new KnownError('E_REGISTRY', `${method} "${shownUrl(url)}" brings no answer`);
    const body = Buffer.concat(chunks);
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: answer.statusCode < 300 ? body : body.subarray(0, maxErrorBytes),
    };
  } catch (error) {
    throw networkError(error, method, url);
  } finally {
    request.signal?.removeEventListener('abort', onAbort);
  }
}

async function openStream({ url, method, headers, body, transport, signal }: ApiRequest) {
  const { got } = await import('got');
  const { connectMs, responseMs, apiMs } = transport.settings.timeouts;
  const agent = transport.agentFor(url);
  return got.stream(url, {
    method,
    headers: { 'user-agent': undefined, 'accept-encoding': 'identity', ...headers },
    ...(body !== undefined && { body }),
    ...(signal && { signal }),
    agent: url.protocol === 'https:' ? { https: agent as import('node:https').Agent } : { http: agent },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    retry: { limit: 0 },
    timeout: { lookup: connectMs, connect: connectMs, secureConnect: connectMs, response: responseMs, request: apiMs },
  });
}
