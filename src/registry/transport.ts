/** The connections of one thread to registries: an agent for each origin, with that origin's certificates and proxy. */
import { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { Socket } from 'node:net';
import { proxyFor } from './proxy.js';
import { ForwardingAgent, tunnellingAgent } from './proxy-agents.js';
import type { TransportSettings } from './settings.js';
import { firstStep, openTrust, type Trust } from './trust.js';

export type Agent = HttpAgent | HttpsAgent;

export interface Transport {
  readonly settings: TransportSettings;
  /** Keeps connections alive between requests to one origin. */
  agentFor(url: URL): Agent;
  /**
   * After a request by `used` has failed: true when {@link agentFor} brings another agent now, one that trusts more
   * authorities or has another client certificate, and the request is worth another try.
   */
  revise(url: URL, used: Agent, error: unknown): boolean;
  /** Settings for another thread, which need not find out again which authorities are enough. */
  forThread(): TransportSettings;
  /** Ends idle connections and breaks the others. */
  close(): void;
}

/** Idle connections are ended after this time: a registry may allow few, and another thread or pull may need one. */
const IDLE_MS = 500;

const agentOptions = { keepAlive: true, scheduling: 'lifo' } as const;

export function openTransport(settings: TransportSettings): Transport {
  const origins = new Map<string, { agent: Agent; trust: Trust | undefined }>();
  const agents = new Set<Agent>();
  const proved = new Set<string>();
  let exported: TransportSettings | undefined;
  const open = (url: URL, trust: Trust | undefined): Agent => {
    const agent = endingIdle(createAgent(url, settings, trust));
    agents.add(agent);
    origins.set(url.origin, { agent, trust });
    return agent;
  };
  return {
    settings,
    agentFor(url) {
      const known = origins.get(url.origin)?.agent;
      if (known !== undefined) return known;
      if (url.protocol !== 'https:') return open(url, undefined);
      const onProved = (authority: string) => void proved.add(authority);
      return open(url, openTrust(url, settings, { step: firstStep(url, settings), onProved }));
    },
    revise(url, used, error) {
      const current = origins.get(url.origin);
      // Another request has met the same failure, and has seen to it.
      if (current?.agent !== used) return current !== undefined;
      if (!current.trust?.revise(error)) return false;
      open(url, current.trust);
      return true;
    },
    // The first answer stays: threads keep their connections as long as their settings are the same.
    forThread: () => (exported ??= { ...settings, knownAuthorities: [...proved] }),
    close() {
      for (const agent of agents) agent.destroy();
      agents.clear();
      origins.clear();
    },
  };
}

function endingIdle(agent: Agent): Agent {
  const keep = agent.keepSocketAlive.bind(agent);
  const reuse = agent.reuseSocket.bind(agent);
  agent.keepSocketAlive = (socket) => {
    // What is false tells Node not to keep it, for which its types have no word.
    const kept: unknown = keep(socket);
    // The agent destroys a free socket that times out.
    if (kept !== false && socket instanceof Socket) socket.setTimeout(IDLE_MS);
    return kept as undefined;
  };
  agent.reuseSocket = (socket, request) => {
    if (socket instanceof Socket) socket.setTimeout(0);
    reuse(socket, request);
  };
  return agent;
}

function createAgent(url: URL, settings: TransportSettings, trust: Trust | undefined): Agent {
  const address = proxyFor(url, settings.proxy);
  const options = { ...agentOptions, ...trust?.options() };
  if (address === undefined)
    return trust === undefined
      ? new HttpAgent(agentOptions)
      : new (process.getBuiltinModule('node:https').Agent)(options);
  const tls = address.protocol === 'https:' ? openTrust(address, settings, { step: 'all' }).options() : undefined;
  const { connectMs } = settings.timeouts;
  const proxy = { url: address, tls };
  return trust === undefined
    ? new ForwardingAgent(proxy, agentOptions, connectMs)
    : tunnellingAgent(proxy, options, connectMs);
}
