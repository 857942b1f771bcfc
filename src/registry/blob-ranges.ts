/**
 * A blob over several connections to one endpoint, for registries that throttle each of them: ranges that are asked for at the same
 * time, handed on in order, and held in memory until it is their turn. As soon as a server refuses a range, answers another one or
 * keeps breaking off, this ends where it is, and one connection goes on from there.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KnownError } from '../../store/errors.js';
import { consumeBody } from './blob-body.js';
import type { BlobTry, Place, Progress } from './blob-try.js';
import { type Exchange, exchange } from './exchange.js';
import { networkError, speaksNoTls } from './network-error.js';
import { cancelled, waitBefore } from './retry.js';

export interface RangesOptions extends BlobTry {
  /** At the same time; 2 or more. */
  readonly connections: number;
  /** A new authorization for the place, if there is one. */
  readonly answerChallenge: (challenge: string) => Promise<boolean>;
  readonly onCut: (error: KnownError, delayMs: number) => void;
}

/** What is held at most, and what one request asks for. */
const mostBytes = 64 * 1024 * 1024;
const longestRange = 4 * 1024 * 1024;
/** A range that brought this much is asked for again from there, as often as it takes. */
const enoughBytes = 64 * 1024;

interface Range {
  readonly from: number;
  readonly end: number;
  /** Bytes of it that have come, and that were handed on. */
  got: number;
  given: number;
  held: Buffer | undefined;
}

/**
 * Resolves to true when the whole blob was handed on, and to false when one connection has to go on from `progress`.
 *
 * @throws what `onChunk` or `answerChallenge` throw, or KnownError `E_CANCELLED`
 */
export async function streamRanges(options: RangesOptions, place: Place, progress: Progress): Promise<boolean> {
  const { size, connections, signal } = options;
  const slots = connections * 2;
  const rangeBytes = Math.min(longestRange, Math.floor(mostBytes / slots));
  if (size - progress.offset <= rangeBytes * 2) return false;
  const run = new RangeRun(options, place, progress, { slots, rangeBytes });
  await run.work();
  if (run.failure !== undefined) throw run.failure.reason;
  if (signal?.aborted) throw cancelled(signal.reason);
  return progress.offset === size;
}

class RangeRun {
  /** What `onChunk` threw, or the answer to a challenge. */
  failure: { reason: unknown } | undefined;
  readonly #options: RangesOptions;
  readonly #place: Place;
  readonly #progress: Progress;
  readonly #slots: number;
  readonly #rangeBytes: number;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Not all handed on, in order. */
  readonly #open: Range[] = [];
  readonly #spare: Buffer[] = [];
  /** One answer serves all that were challenged. */
  #answering: Promise<boolean> | undefined;
  #next: number;
  #isProved = false;
  #wake: (() => void)[] = [];

  constructor(options: RangesOptions, place: Place, progress: Progress, sizes: { slots: number; rangeBytes: number }) {
    this.#options = options;
    this.#place = place;
    this.#progress = progress;
    this.#slots = sizes.slots;
    this.#rangeBytes = sizes.rangeBytes;
    this.#next = progress.offset;
    this.#signal = AbortSignal.any([this.#stop.signal, ...(options.signal ? [options.signal] : [])]);
    setMaxListeners(0, this.#signal);
    this.#signal.addEventListener('abort', () => this.#wakeAll());
  }

  /** The first connection has to prove that ranges are answered before there are more. */
  async work(): Promise<void> {
    const { connections } = this.#options;
    await Promise.all(
      Array.from({ length: connections }, (_, index) => this.#connection(index === 0).catch((it) => this.#fail(it))),
    );
  }

  #fail(reason: unknown): void {
    // A rest that was ended by somebody else's failure is none itself.
    if (!this.#signal.aborted) this.failure ??= { reason };
    this.#stop.abort();
  }

  async #connection(isFirst: boolean): Promise<void> {
    while (!isFirst && !this.#isProved && !this.#signal.aborted) await this.#somethingNew();
    for (;;) {
      while (this.#open.length >= this.#slots && !this.#signal.aborted) await this.#somethingNew();
      if (this.#signal.aborted || this.#next === this.#options.size) return;
      const from = this.#next;
      const end = Math.min(from + this.#rangeBytes, this.#options.size);
      this.#next = end;
      const range: Range = { from, end, got: 0, given: 0, held: undefined };
      this.#open.push(range);
      if (!(await this.#fetch(range))) return this.#stop.abort();
    }
  }

  /** @returns whether all of the range has come */
  async #fetch(range: Range): Promise<boolean> {
    for (let useless = 0; useless < 2; ) {
      const before = range.got;
      const end = await this.#ask(range);
      if (range.from + range.got === range.end) return true;
      if (end === 'wrong' || this.#signal.aborted) return false;
      if (range.got - before < enoughBytes) useless++;
      if (typeof end !== 'string') await this.#rest(end);
    }
    return false;
  }

  /** Before what is left of a range is asked for again. */
  async #rest(error: KnownError): Promise<void> {
    const delayMs = waitBefore(1, undefined) ?? 0;
    this.#options.onCut(error, delayMs);
    await sleep(delayMs, undefined, { signal: this.#signal });
  }

  /** One request for what is left of a range. */
  async #ask(range: Range): Promise<KnownError | 'again' | 'wrong'> {
    const { transportFor, onPhase, size } = this.#options;
    const { endpoint, urls, authorization } = this.#place;
    const url = new URL(urls[0] ?? '');
    const from = range.from + range.got;
    let answer: Exchange;
    try {
      answer = await exchange({
        method: 'GET',
        url,
        headers: { 'user-agent': 'tspull', 'accept-encoding': 'identity', range: `bytes=${from}-${range.end - 1}` },
        ownHeaders: endpoint.headers,
        authorization,
        transport: transportFor(endpoint.transport),
        signal: this.#signal,
        onPhase,
      });
    } catch (error) {
      if (urls.length === 1 || !speaksNoTls(error)) return networkError(error, 'GET', url);
      this.#place.urls = urls.slice(1);
      return 'again';
    }
    this.#place.urls = urls.slice(0, 1);
    const wanted = rangeLength(answer, from, range.end, size);
    if (wanted === undefined) return this.#refused(answer, authorization);
    if (!this.#isProved) this.#options.onSource?.(endpoint.id);
    this.#isProved = true;
    this.#place.challenges = 0;
    this.#wakeAll();
    return this.#receive(answer, range, wanted);
  }

  async #receive({ response, url }: Exchange, range: Range, wanted: number): Promise<KnownError | 'again' | 'wrong'> {
    const { rate } = this.#options;
    const { timeouts } = this.#place.endpoint.transport;
    const onChunk = (chunk: Buffer) => this.#take(range, chunk);
    const end = await consumeBody(response, { skip: 0, wanted, onChunk, timeouts, rate, host: url.host });
    if (end.kind === 'complete') return 'again';
    // More bytes than the head of the answer says.
    if (end.kind === 'failed') return 'wrong';
    return networkError(end.error, 'GET', url);
  }

  async #refused({ response, status, foreign }: Exchange, sent: string | undefined): Promise<'again' | 'wrong'> {
    const challenge = response.headers['www-authenticate'];
    response.destroy();
    if (status !== 401 || foreign || challenge === undefined) return 'wrong';
    if (this.#place.authorization !== sent) return 'again';
    this.#answering ??= this.#options.answerChallenge(challenge).finally(() => {
      this.#answering = undefined;
    });
    return (await this.#answering) ? 'again' : 'wrong';
  }

  #take(range: Range, chunk: Buffer): void {
    if (this.#signal.aborted) throw this.#signal.reason;
    const isFirst = range === this.#open[0];
    if (!isFirst) {
      range.held ??= this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#rangeBytes);
      chunk.copy(range.held, range.got);
    }
    range.got += chunk.length;
    if (isFirst) this.#give(range, chunk);
  }

  #give(range: Range, chunk: Buffer): void {
    // Counted before the call, as for one connection.
    range.given += chunk.length;
    this.#progress.offset += chunk.length;
    this.#place.delivered += chunk.length;
    try {
      this.#options.onChunk(chunk);
    } catch (reason) {
      this.#fail(reason);
      throw reason;
    }
    if (range.from + range.given === range.end) this.#turn(range);
  }

  /** The next range comes to be the first: what is held of it is handed on. */
  #turn({ held }: Range): void {
    if (held !== undefined) this.#spare.push(held);
    this.#open.shift();
    this.#wakeAll();
    const [next] = this.#open;
    if (next?.held !== undefined && next.got > 0) this.#give(next, next.held.subarray(0, next.got));
  }

  #somethingNew(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

/** Bytes that a good answer brings: all that were asked for, or the beginning of them. */
function rangeLength({ response, status }: Exchange, from: number, end: number, size: number): number | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '');
  if (status !== 206 || match === null) return undefined;
  const [, first, last, total] = match;
  const length = Number(last) + 1 - from;
  const isRight = Number(first) === from && length > 0 && from + length <= end;
  const promised = response.headers['content-length'];
  if (!isRight || (total !== '*' && Number(total) !== size)) return undefined;
  return promised === undefined || Number(promised) === length ? length : undefined;
}
