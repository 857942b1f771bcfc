/** The connections of one thread to registries: an agent for each origin, with that origin's certificates and proxy. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { proxyFor } from './proxy.js';
import { ForwardingAgent, TunnellingAgent } from './proxy-agents.js';
import type { TransportSettings } from './settings.js';
import { tlsOptions } from './tls.js';

export interface Transport {
  readonly settings: TransportSettings;
  /** Keeps connections alive between requests to one origin. */
  agentFor(url: URL): HttpAgent | HttpsAgent;
  /** Ends idle connections and breaks the others. */
  close(): void;
}

const agentOptions = { keepAlive: true, scheduling: 'lifo' } as const;

export function openTransport(settings: TransportSettings): Transport {
  const agents = new Map<string, HttpAgent | HttpsAgent>();
  return {
    settings,
    agentFor(url) {
      const known = agents.get(url.origin);
      if (known !== undefined) return known;
      const agent = createAgent(url, settings);
      agents.set(url.origin, agent);
      return agent;
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

function createAgent(url: URL, settings: TransportSettings): HttpAgent | HttpsAgent {
  const proxy = proxyFor(url, settings.proxy);
  if (url.protocol === 'https:') {
    const options = { ...agentOptions, ...tlsOptions(url, settings) };
    return proxy === undefined ? new HttpsAgent(options) : new TunnellingAgent(proxy, options);
  }
  return proxy === undefined ? new HttpAgent(agentOptions) : new ForwardingAgent(proxy, agentOptions);
}
