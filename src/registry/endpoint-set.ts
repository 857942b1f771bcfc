/** The endpoints of one repository while a client lives: their connections and logins, and which of them were given up. */
import type { IncomingHttpHeaders } from 'node:http';
import { KnownError } from '../../store/errors.js';
import type { Api } from './api.js';
import { createAuthorizer } from './authorizer.js';
import type { Credentials } from './credentials.js';
import { createEndpoint } from './endpoint.js';
import type { EndpointPlan, PlannedEndpoint } from './endpoint-plan.js';
import type { FailureKind, Judgement } from './failure-kind.js';
import { isPlainHere } from './plain-probe.js';
import { type PullLimit, readPullLimit } from './pull-limit.js';
import type { Subject } from './registry-error.js';
import type { TransportSettings } from './settings.js';
import { shownUrl } from './shown-url.js';
import { openTransport } from './transport.js';

export type Capability = 'resolves' | 'pulls';

export interface LiveEndpoint {
  /** Its place in the plan. */
  readonly id: number;
  readonly planned: PlannedEndpoint;
  readonly api: Api;
  /** For messages. */
  readonly shown: string;
  /** Nobody is asked after this one. */
  readonly isLast: boolean;
}

export interface EndpointFailure extends Judgement {
  /** Ids of endpoints. */
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** Something was not to be had at one endpoint, and is asked of the next one. */
export interface Failover {
  readonly from: string;
  readonly to: string;
  readonly kind: FailureKind;
  readonly reason: string;
}

export interface EndpointSet {
  readonly signal: AbortSignal | undefined;
  /** In order, without those that were given up. @throws KnownError `E_CONFIG` when there is none at all */
  usable(need: Capability): LiveEndpoint[];
  byId(id: number): LiveEndpoint;
  /** Remembers the failure, and tells about it. */
  failed(failure: EndpointFailure): void;
  /** Remembers what an answer about a manifest says of further ones. */
  answered(id: number, headers: IncomingHttpHeaders): void;
  /** The latest that was said, by endpoints that say anything. */
  pullLimits(): (PullLimit & { endpoint: string })[];
  close(): void;
}

export interface EndpointSetOptions {
  readonly subject: Subject;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
  /** What holds for all endpoints. */
  readonly transport: TransportSettings;
  readonly onFailover: ((failover: Failover) => void) | undefined;
  /** Of tokens, besides what registries ask for. */
  readonly scopes?: () => readonly string[];
  /** Instead of what is stored for an endpoint. */
  readonly credentials?: Credentials;
}

/** There is somebody else to ask, so a mirror that is not there is not waited for as long as a registry. */
const mirrorConnectMs = 5_000;
/** Failures in a row that might each have passed. */
const maxStrikes = 2;

export function openEndpoints({ endpoints: planned }: EndpointPlan, options: EndpointSetOptions): EndpointSet {
  const endpoints = planned.map((item, id) =>
    openEndpoint(item, id, { ...options, isLast: id === planned.length - 1 }),
  );
  const strikes = new Map<number, number>();
  const limits = new Map<number, PullLimit>();
  const byId = (id: number) => {
    const endpoint = endpoints[id];
    if (endpoint === undefined) throw new Error(`there is no endpoint ${id}`);
    return endpoint;
  };
  return {
    signal: options.signal,
    byId,
    usable(need) {
      const able = endpoints.filter((endpoint) => endpoint.planned[need]);
      const last = able.at(-1);
      if (last === undefined) throw nobody(need, options.subject);
      return able.filter((endpoint) => endpoint === last || (strikes.get(endpoint.id) ?? 0) < maxStrikes);
    },
    failed({ from, to, kind, givesUp, reason }) {
      if (kind !== 'missing') strikes.set(from, givesUp ? maxStrikes : (strikes.get(from) ?? 0) + 1);
      options.onFailover?.({ from: byId(from).shown, to: byId(to).shown, kind, reason });
    },
    answered(id, headers) {
      const limit = readPullLimit(headers);
      if (limit !== undefined) limits.set(id, limit);
    },
    pullLimits: () => [...limits].map(([id, limit]) => ({ ...limit, endpoint: byId(id).shown })),
    close() {
      for (const { api } of endpoints) api.transport.close();
    },
  };
}

function openEndpoint(
  planned: PlannedEndpoint,
  id: number,
  { subject, env, signal, transport: common, scopes, credentials, isLast }: EndpointSetOptions & { isLast: boolean },
): LiveEndpoint {
  const { path, domain, headers } = planned;
  const transport = openTransport(transportSettings(planned, common, isLast));
  const authorizer = createAuthorizer({
    path,
    ...(scopes && { scopes }),
    subject,
    transport,
    signal,
    // Most pulls of public images never get here, so the code that starts helper programs is loaded on demand.
    findCredentials: async () =>
      credentials ?? (await (await import('./credentials.js')).findCredentials(domain, path, env)),
  });
  const api: Api = {
    endpoint: createEndpoint(planned.bases, isPlainHere),
    authorizer,
    transport,
    signal,
    repository: path,
    namespace: planned.namespace,
    headers,
    secrets: () => [...authorizer.secrets(), ...Object.values(headers).flat()],
  };
  return { id, planned, api, shown: shownUrl(new URL(planned.bases[0] ?? '')), isLast };
}

function transportSettings(planned: PlannedEndpoint, common: TransportSettings, isLast: boolean): TransportSettings {
  const { connectMs } = common.timeouts;
  const hosts = planned.bases.map((base) => new URL(base));
  return {
    ...common,
    insecureHosts: planned.skipVerify ? [...new Set(hosts.map(({ hostname }) => hostname))] : [],
    caFiles: [...common.caFiles, ...planned.caFiles],
    clientCertificates: planned.clientCertificates.map((pair) => ({ ...pair, host: hosts[0]?.host ?? '' })),
    // As containerd: it holds whatever the environment excludes from proxies.
    proxy: planned.proxy === undefined ? common.proxy : { http: planned.proxy, https: planned.proxy, no: undefined },
    timeouts: {
      ...common.timeouts,
      connectMs: planned.connectMs ?? (isLast ? connectMs : Math.min(connectMs, mirrorConnectMs)),
    },
  };
}

function nobody(need: Capability, { name }: Subject): KnownError {
  const what = need === 'resolves' ? 'what a tag stands for' : 'content by digest';
  return new KnownError('E_CONFIG', `no endpoint that is configured for ${name} may be asked ${what}`, {
    hint: 'tspull --explain shows the endpoints and where they come from',
  });
}
