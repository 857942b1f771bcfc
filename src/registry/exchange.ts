/** One request over node:http or node:https, redirects included, up to the head of the answer. */
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request as requestPlain } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { KnownError } from '../../store/errors.js';
import { networkError, timeoutError } from './network-error.js';
import { firstHop, type Hop, isRedirect, nextHop } from './redirect.js';
import { type OnPhase, timePhases } from './request-phases.js';
import type { Timeouts } from './settings.js';
import type { Agent, Transport } from './transport.js';

export interface ExchangeOptions {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly url: URL;
  /** `url` was named by an answer and is of another origin than that: it is sent nothing secret. */
  readonly isForeign?: boolean;
  /** Such a request is sent once, and a redirect is its answer. */
  readonly body?: RequestBody | undefined;
  readonly headers: OutgoingHttpHeaders;
  /** Sent to the origin of `url` only, as is `authorization`. */
  readonly ownHeaders: OutgoingHttpHeaders;
  readonly authorization: string | undefined;
  readonly transport: Transport;
  readonly signal: AbortSignal | undefined;
  readonly onPhase?: OnPhase | undefined;
}

/** Writes a body and ends the request. @throws what the body cannot be made for; the connection's failures are not its own */
export type RequestBody = (request: ClientRequest) => Promise<void>;

export interface Exchange {
  readonly response: IncomingMessage;
  readonly status: number;
  /** The URL that answered. */
  readonly url: URL;
  /** The answer comes from another origin, which was sent no credentials and gets none when it asks for some. */
  readonly foreign: boolean;
}

/** @throws KnownError `E_NETWORK`, `E_TLS`, `E_REGISTRY`, `E_CANCELLED` */
export async function exchange(options: ExchangeOptions): Promise<Exchange> {
  let hop: Hop = { ...firstHop(options.url), foreign: options.isForeign ?? false };
  for (;;) {
    const response = await sendOnLiveSocket(hop, options);
    const status = response.statusCode ?? 0;
    if (!isRedirect(status) || options.body !== undefined)
      return { response, status, url: hop.url, foreign: hop.foreign };
    response.destroy();
    hop = nextHop(hop, response.headers.location);
  }
}

/**
 * A kept-alive connection that the server has closed meanwhile says nothing about the server: use another one. Each such
 * failure uses up one of those there are.
 */
async function sendOnLiveSocket(hop: Hop, options: ExchangeOptions): Promise<IncomingMessage> {
  const { method, transport, signal } = options;
  for (;;) {
    const agent = transport.agentFor(hop.url);
    const outcome = await send(hop, options, agent);
    if (outcome.response !== undefined) return outcome.response;
    const mayRepeat = options.body === undefined && outcome.wasReused;
    const again = mayRepeat || transport.revise(hop.url, agent, outcome.error);
    if (!again || signal?.aborted) throw networkError(outcome.error, method, hop.url);
  }
}

type Outcome = { response: IncomingMessage } | { response?: never; error: unknown; wasReused: boolean };

function send({ url, foreign }: Hop, options: ExchangeOptions, agent: Agent): Promise<Outcome> {
  const { method, transport, signal, authorization } = options;
  const headers = { ...options.headers, ...(!foreign && options.ownHeaders) };
  if (authorization !== undefined && !foreign) headers['authorization'] = authorization;
  return new Promise((resolve) => {
    // Loaded when it is needed, as all of TLS.
    const open = url.protocol === 'https:' ? process.getBuiltinModule('node:https').request : requestPlain;
    const request = open(url, { method, headers, agent, ...(signal && { signal }) });
    const { body } = options;
    const phases = watchPhases(url, transport.settings.timeouts, (error) => request.destroy(error), body !== undefined);
    if (options.onPhase !== undefined) timePhases(request, options.onPhase);
    request.once('socket', (socket) => phases.socket(socket, request.reusedSocket));
    request.once('response', (response) => {
      phases.end();
      resolve({ response });
    });
    // `on`, because destroying a request whose answer has begun may report more than one error.
    request.on('error', (error) => {
      phases.end();
      const timedOut = error instanceof KnownError;
      resolve({ error, wasReused: request.reusedSocket && !timedOut });
    });
    if (body === undefined) request.end();
    else body(request).then(phases.sent, (error) => request.destroy(error));
  });
}

/** Node's type declarations do not know that it tells whether the handshake is still to be done. */
type SecuringSocket = TLSSocket & { readonly secureConnecting: boolean };

/**
 * One timer at a time: until the connection stands, then until the answer begins. While a body is sent, which watches its own progress,
 * no answer is expected; what it means to the server may take as long as any answer of the API.
 */
function watchPhases(
  url: URL,
  { connectMs, responseMs, apiMs }: Timeouts,
  fail: (error: Error) => void,
  hasBody: boolean,
) {
  const start = (ms: number, phase: string) =>
    setTimeout(() => fail(timeoutError(`${url.host} ${phase} within ${ms / 1000} s`)), ms);
  let timer = start(connectMs, 'cannot be connected');
  let [isConnected, isSent, isOver] = [false, !hasBody, false];
  const next = () => {
    if (isOver || !isConnected) return;
    clearTimeout(timer);
    if (isSent) timer = start(hasBody ? apiMs : responseMs, 'does not answer');
  };
  const connected = () => {
    isConnected = true;
    next();
  };
  return {
    socket(socket: Socket, reused: boolean) {
      const secure = url.protocol === 'https:';
      const pending = secure ? (socket as SecuringSocket).secureConnecting : socket.connecting;
      if (reused || !pending) connected();
      else socket.once(secure ? 'secureConnect' : 'connect', connected);
    },
    sent() {
      isSent = true;
      next();
    },
    end() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
