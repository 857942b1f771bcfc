/** Connections to a proxy, and through it (CONNECT, RFC 9110 section 9.3.6). */
import { type EventEmitter, once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { printable } from '../../store/printable.js';
import { bareAddress } from './address.js';
import { connectionError, isPassing, loginToProxy, proxyError } from './network-error.js';
import { proxyAuthorization, proxyPort } from './proxy.js';
import type { TlsOptions } from './trust.js';

const connectTls = (options: ConnectionOptions): TLSSocket => process.getBuiltinModule('node:tls').connect(options);

export interface ProxyPeer {
  readonly url: URL;
  /** For a proxy that is spoken to by TLS. */
  readonly tls: TlsOptions | undefined;
}

/** @throws KnownError that tells about the proxy; the reason of `signal` */
export async function connectProxy({ url, tls }: ProxyPeer, signal: AbortSignal): Promise<Socket> {
  const host = bareAddress(url.hostname);
  const where = { host, port: proxyPort(url) };
  const named = isIP(host) === 0 ? { servername: host } : {};
  const socket = tls === undefined ? connect(where) : connectTls({ ...where, ...named, ...tls });
  keepQuiet(socket);
  try {
    await once(socket, tls === undefined ? 'connect' : 'secureConnect', { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : broken(url, error);
  }
}

/** A TLS connection to the host of `target` inside a connection to the proxy. */
export async function openTunnel(proxy: ProxyPeer, target: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  const outer = await connectProxy(proxy, signal);
  const host = target.host?.includes(':') ? `[${target.host}]` : target.host;
  try {
    await askForTunnel(outer, proxy.url, `${host}:${target.port}`, signal);
    const inner = connectTls({ ...target, socket: outer });
    keepQuiet(inner);
    await once(inner, 'secureConnect', { signal });
    return inner;
  } catch (error) {
    outer.destroy();
    throw signal.aborted ? signal.reason : error;
  }
}

/** What fails while it is waited for is told there; what comes after that, from something given up, must not end the process. */
function keepQuiet(emitter: EventEmitter): void {
  emitter.on('error', () => undefined);
}

async function askForTunnel(socket: Socket, proxy: URL, authority: string, signal: AbortSignal): Promise<void> {
  const authorization = proxyAuthorization(proxy);
  const asking = request({
    method: 'CONNECT',
    path: authority,
    headers: {
      host: authority,
      connection: 'keep-alive',
      ...(authorization !== undefined && { 'proxy-authorization': authorization }),
    },
    createConnection: () => socket,
  });
  keepQuiet(asking);
  asking.end();
  let answer: [IncomingMessage, Socket, Buffer];
  try {
    answer = (await once(asking, 'connect', { signal })) as typeof answer;
  } catch (error) {
    throw signal.aborted ? signal.reason : broken(proxy, error);
  }
  const [{ statusCode = 0, statusMessage = '' }, , head] = answer;
  if (statusCode < 200 || statusCode > 299) throw refusal(proxy, authority, `${statusCode} ${statusMessage}`.trim());
  if (head.length > 0)
    throw proxyError(`proxy ${proxy.host} sends something of its own into the tunnel`, {
      stays: true,
      hint: askForProxy,
    });
}

function refusal(proxy: URL, authority: string, status: string) {
  const message = `proxy ${proxy.host} refuses the connection to ${authority}: ${printable(status, 100)}`;
  if (status.startsWith('407')) return proxyError(message, { stays: true, hint: loginToProxy });
  // It did not get through to the registry, which may be a matter of the moment.
  const stays = !status.startsWith('5') && !status.startsWith('429');
  return proxyError(message, { stays, hint: askForProxy });
}

const askForProxy = 'ask whoever runs the proxy, or name the registry in NO_PROXY';

function broken(proxy: URL, error: unknown) {
  const { code, message, hint } = connectionError(error, `proxy ${proxy.host}`, proxy.host);
  const advice = 'check HTTPS_PROXY, HTTP_PROXY and NO_PROXY';
  const stays = code === 'E_TLS' || !isPassing(error);
  return proxyError(message, { code, stays, cause: error, hint: code === 'E_TLS' ? (hint ?? advice) : advice });
}
