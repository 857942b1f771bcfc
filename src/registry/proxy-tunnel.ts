/** Connections to a proxy, and through it (CONNECT, RFC 9110 section 9.3.6). */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { printable } from '../../store/printable.js';
import { bareAddress } from './address.js';
import { connectionError, isPassing, proxyError } from './network-error.js';
import { proxyAuthorization, proxyPort } from './proxy.js';
import type { TlsOptions } from './trust.js';

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
    await once(inner, 'secureConnect', { signal });
    return inner;
  } catch (error) {
    outer.destroy();
    throw signal.aborted ? signal.reason : error;
  }
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
    throw proxyError(`proxy ${proxy.host} sends something of its own into the tunnel`, { stays: true });
}

function refusal(proxy: URL, authority: string, status: string) {
  const message = `proxy ${proxy.host} refuses the connection to ${authority}: ${printable(status, 100)}`;
  if (status.startsWith('407'))
    return proxyError(message, {
      stays: true,
      hint: 'put a user and password that it knows into the address of the proxy',
    });
  // It did not get through to the registry, which may be a matter of the moment.
  const stays = !status.startsWith('5') && !status.startsWith('429');
  return proxyError(message, { stays, hint: 'ask whoever runs the proxy, or name the registry in NO_PROXY' });
}

function broken(proxy: URL, error: unknown) {
  const { message, hint, ...known } = connectionError(error, `proxy ${proxy.host}`, proxy.host);
  const advice = known.code === 'E_TLS' ? hint : 'check HTTPS_PROXY, HTTP_PROXY and NO_PROXY';
  return proxyError(message, { stays: !isPassing(error), cause: error, ...(advice !== undefined && { hint: advice }) });
}
