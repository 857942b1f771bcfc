/** Agents of Node's HTTP client that go through a proxy. got and node:https take the same ones. */
import {
  type AgentOptions,
  type ClientRequest,
  type ClientRequestArgs,
  Agent as HttpAgent,
  type IncomingMessage,
  request,
} from 'node:http';
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions, request as requestTls } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { bareAddress } from './address.js';
import { proxyAuthorization } from './proxy.js';

const tunnelTimeoutMs = 30_000;

type Created = (error: Error | null, socket: Duplex) => void;
/** What Node's agents do with a request; not in its type declarations. */
interface AgentInternals {
  addRequest(request: ClientRequest, options: { host?: string; port?: number | string; path?: string }): void;
}

/** Sends plain requests to a proxy with the whole URL in the request line (RFC 9112 3.2.2). */
export class ForwardingAgent extends HttpAgent {
  readonly proxy: URL;

  constructor(proxy: URL, options: AgentOptions) {
    super(options);
    this.proxy = proxy;
  }

  addRequest(outgoing: ClientRequest, options: { host?: string; port?: number | string }): void {
    const origin = `http://${outgoing.getHeader('host')}`;
    outgoing.path = origin + outgoing.path;
    const authorization = proxyAuthorization(this.proxy);
    if (authorization !== undefined) outgoing.setHeader('proxy-authorization', authorization);
    const target = { ...options, host: bareAddress(this.proxy.hostname), port: portOf(this.proxy) };
    (HttpAgent.prototype as unknown as AgentInternals).addRequest.call(this, outgoing, target);
  }

  override createConnection(options: ClientRequestArgs, created: Created): Duplex | null | undefined {
    if (this.proxy.protocol !== 'https:') return super.createConnection(options, created);
    return connect({ ...(options as ConnectionOptions), servername: this.proxy.hostname });
  }
}

/** Opens a tunnel by CONNECT (RFC 9110 9.3.6) and speaks TLS with the origin through it. */
export class TunnellingAgent extends HttpsAgent {
  readonly proxy: URL;

  constructor(proxy: URL, options: HttpsAgentOptions) {
    super(options);
    this.proxy = proxy;
  }

  override createConnection(options: ClientRequestArgs, created: Created): undefined {
    openTunnel(this.proxy, options as ConnectionOptions, (error, socket) => {
      // Node's agents look at the error first; their type wants a socket all the same.
      if (socket === undefined) return (created as (error: Error | null) => void)(error);
      created(null, connect({ ...(options as ConnectionOptions), socket }));
    });
  }
}

function openTunnel(
  proxy: URL,
  target: ConnectionOptions,
  opened: (error: Error | null, socket?: Socket) => void,
): void {
  const host = target.host?.includes(':') ? `[${target.host}]` : target.host;
  const authority = `${host}:${target.port}`;
  const authorization = proxyAuthorization(proxy);
  const send = proxy.protocol === 'https:' ? requestTls : request;
  const tunnel = send({
    method: 'CONNECT',
    host: bareAddress(proxy.hostname),
    port: portOf(proxy),
    path: authority,
    agent: false,
    timeout: tunnelTimeoutMs,
    headers: { host: authority, ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }) },
  });
  tunnel.once('connect', (response: IncomingMessage, socket: Socket, head: Buffer) => {
    if (response.statusCode === 200 && head.length === 0) {
      socket.setTimeout(0);
      return opened(null, socket);
    }
    socket.destroy();
    opened(refusal(proxy, response));
  });
  tunnel.once('response', (response) => {
    response.destroy();
    opened(refusal(proxy, response));
  });
  tunnel.once('timeout', () => tunnel.destroy(new KnownError('E_NETWORK', `proxy ${proxy.host} does not answer`)));
  tunnel.once('error', opened);
  tunnel.end();
}

function refusal(proxy: URL, { statusCode, statusMessage }: IncomingMessage): KnownError {
  const status = printable(`${statusCode} ${statusMessage}`, 100);
  return new KnownError('E_NETWORK', `proxy ${proxy.host} refuses the connection: ${status}`);
}

function portOf(proxy: URL): number {
  return Number(proxy.port || (proxy.protocol === 'https:' ? 443 : 80));
}
