/**
 * API requests: everything small that is asked of a registry or token server. The only user of got, which is loaded
 * when the first request is made. Redirects, retries and decompression are switched off: got would send credentials
 * over plain http after a redirect on the same host, repeat a body with a password to another origin, wait a day for
 * Retry-After, and change the bytes that a digest names.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Request, Response } from 'got';
import { KnownError } from '../../store/errors.js';
import { isTimeout, networkError } from './network-error.js';
import { shownUrl } from './shown-url.js';
import type { Agent, Transport } from './transport.js';

export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Record<string, string | string[]>;
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
  const { url, method, transport, signal } = request;
  for (;;) {
    const agent = transport.agentFor(url);
    const outcome = await tryOnce(request, agent);
    if ('answer' in outcome) return outcome.answer;
    const again = outcome.wasReused || transport.revise(url, agent, outcome.error);
    if (!again || signal?.aborted) throw networkError(outcome.error, method, url);
  }
}

type Outcome =
  | { answer: ApiResponse }
  /** A failure on a kept-alive connection says nothing: the server may have closed it before the request came. */
  | { error: unknown; wasReused: boolean };

async function tryOnce(request: ApiRequest, agent: Agent): Promise<Outcome> {
  const { signal } = request;
  let abort: (() => void) | undefined;
  let stream: Request | undefined;
  try {
    signal?.throwIfAborted();
    stream = await openStream(request, agent);
    // Not got's own option: a signal that fires after the answer would raise an error that nobody can catch.
    abort = () => stream?.destroy(new DOMException('aborted', 'AbortError'));
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    return { answer: await readAnswer(stream, request) };
  } catch (error) {
    return { error, wasReused: stream?.reusedSocket === true && stream.response === undefined && !isTimeout(error) };
  } finally {
    if (abort !== undefined) signal?.removeEventListener('abort', abort);
  }
}

async function readAnswer(stream: Request, { url, method, maxBytes }: ApiRequest): Promise<ApiResponse> {
  let answer: Response | undefined;
  stream.once('response', (response: Response) => {
    answer = response;
  });
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    const ok = answer !== undefined && answer.statusCode < 300;
    if (length <= (ok ? maxBytes : maxErrorBytes)) continue;
    // Leaving the loop destroys the stream and its connection.
    if (ok)
      throw new KnownError('E_REGISTRY', `${method} "${shownUrl(url)}" brings more than ${maxBytes} bytes`, {
        hint: 'no image needs that much: check the name, or tell whoever runs the registry',
      });
    break;
  }
  if (answer === undefined) throw new KnownError('E_REGISTRY', `${method} "${shownUrl(url)}" brings no answer`);
  const body = Buffer.concat(chunks);
  const { statusCode: status, headers } = answer;
  return { status, headers, body: status < 300 ? body : body.subarray(0, maxErrorBytes) };
}

async function openStream({ url, method, headers, body, transport }: ApiRequest, agent: Agent): Promise<Request> {
  const { got } = await import('got');
  const { connectMs, responseMs, apiMs } = transport.settings.timeouts;
  return got.stream(url, {
    method,
    headers: { 'user-agent': undefined, 'accept-encoding': 'identity', ...headers },
    ...(body !== undefined && { body }),
    agent: url.protocol === 'https:' ? { https: agent as import('node:https').Agent } : { http: agent },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    retry: { limit: 0 },
    timeout: { lookup: connectMs, connect: connectMs, secureConnect: connectMs, response: responseMs, request: apiMs },
  });
}
