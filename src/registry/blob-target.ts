/** Where the bytes of one blob may come from, in a form that travels to a worker thread. */
import type { OutgoingHttpHeaders } from 'node:http';
import type { Judgement } from './failure-kind.js';
import type { TransportSettings } from './settings.js';

export interface BlobTarget {
  /** The repository, for messages. */
  readonly name: string;
  /** In order; at least one. */
  readonly endpoints: readonly BlobEndpoint[];
}

/** Holds the token that was current, and proxy URLs as the environment has them. */
export interface BlobEndpoint {
  readonly id: number;
  /** For messages. */
  readonly shown: string;
  /** The second one is tried when there is no TLS server at the first. */
  readonly urls: readonly string[];
  readonly authorization: string | undefined;
  /** For the endpoint's own origin. */
  readonly headers: OutgoingHttpHeaders;
  readonly transport: TransportSettings;
}

/** A request for the blob was answered 401. */
export interface BlobChallenge {
  readonly endpoint: number;
  readonly url: string;
  readonly challenge: string;
  /** The value that the request carried. */
  readonly rejected: string | undefined;
}

/** One endpoint failed, and another one is asked for the blob, or for the rest of it. */
export interface BlobFailover extends Judgement {
  readonly from: number;
  readonly to: number;
  /** Bytes that were handed on so far. */
  readonly offset: number;
  readonly reason: string;
}

/**
 * What is left to ask after the bytes turned out to be wrong: not those who served some of them, but in any case the last
 * one. undefined when nobody was ruled out.
 *
 * @param used - ids of endpoints that served bytes.
 */
export function withoutSuspects(target: BlobTarget, used: ReadonlySet<number>): BlobTarget | undefined {
  const { endpoints } = target;
  const left = endpoints.filter((endpoint) => endpoint === endpoints.at(-1) || !used.has(endpoint.id));
  return left.length === endpoints.length ? undefined : { ...target, endpoints: left };
}
