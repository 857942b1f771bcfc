/** Agents of Node's HTTP client that go through a proxy. got and node:https take the same ones. */
import { type AgentOptions, type ClientRequest, type ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent, AgentOptions as HttpsAgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { bareAddress } from './address.js';
import { timeoutError } from './network-error.js';
import { proxyAuthorization, proxyPort } from './proxy.js';
import { connectProxy, openTunnel, type ProxyPeer } from './proxy-tunnel.js';
import { cancelled } from './retry.js';

type Created = (error: Error | null, socket: Duplex) => void;
/** What Node's agents do with a request; not in its type declarations. */
interface AgentInternals {
  addRequest(request: ClientRequest, options: { host?: string; port?: number | string; path?: string }): void;
}

/** Sends plain requests to a proxy with the whole URL in the request line (RFC 9112 section 3.2.2). */
export class ForwardingAgent extends HttpAgent {
  readonly #proxy: ProxyPeer;
  readonly #pending: PendingConnections;

  constructor(proxy: ProxyPeer, options: AgentOptions, timeoutMs: number) {
    super(options);
    this.#proxy = proxy;
    this.#pending = pendingConnections(proxy.url, timeoutMs);
  }

  addRequest(outgoing: ClientRequest, options: { host?: string; port?: number | string }): void {
    const { url } = this.#proxy;
    outgoing.path = `http://${outgoing.getHeader('host')}${outgoing.path}`;
    const authorization = proxyAuthorization(url);
    if (authorization !== undefined) outgoing.setHeader('proxy-authorization', authorization);
    const target = { ...options, host: bareAddress(url.hostname), port: proxyPort(url) };
    (HttpAgent.prototype as unknown as AgentInternals).addRequest.call(this, outgoing, target);
  }

  override createConnection(_options: ClientRequestArgs, created: Created): undefined {
    this.#pending.open((signal) => connectProxy(this.#proxy, signal), created);
  }

  override destroy(): void {
    this.#pending.stop();
    super.destroy();
  }
}

/** Opens tunnels and speaks TLS with the origins through them. */
export function tunnellingAgent(proxy: ProxyPeer, options: HttpsAgentOptions, timeoutMs: number): HttpsAgent {
  const { Agent } = process.getBuiltinModule('node:https');
  const pending = pendingConnections(proxy.url, timeoutMs);
  class TunnellingAgent extends Agent {
    override createConnection(target: ClientRequestArgs, created: Created): undefined {
      pending.open((signal) => openTunnel(proxy, target as ConnectionOptions, signal), created);
    }

    override destroy(): void {
      pending.stop();
      super.destroy();
    }
  }
  return new TunnellingAgent(options);
}

interface PendingConnections {
  open(connect: (signal: AbortSignal) => Promise<Duplex>, created: Created): void;
  stop(): void;
}

/** Connections on their way: Node's agents know only those that stand, and would wait for these without end. */
function pendingConnections(proxy: URL, timeoutMs: number): PendingConnections {
  const pending = new Set<AbortController>();
  return {
    open(connect, created) {
      const abort = new AbortController();
      pending.add(abort);
      const timer = setTimeout(
        () => abort.abort(timeoutError(`no connection through proxy ${proxy.host} within ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      const settle = () => {
        clearTimeout(timer);
        pending.delete(abort);
      };
      connect(abort.signal).then(
        (socket) => {
          settle();
          created(null, socket);
        },
        (error) => {
          settle();
          // Node's agents look at the error first; their type wants a socket all the same.
          (created as (error: Error) => void)(error);
        },
      );
    },
    stop() {
      for (const abort of pending) abort.abort(cancelled('the agent was closed'));
    },
  };
}
