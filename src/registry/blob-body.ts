/** Consumes the body of one answer: skips what is there already, hands on the rest, sees lies and stalls. */
import type { IncomingMessage } from 'node:http';
import { KnownError } from '../../store/errors.js';
import { servedWrong } from '../../store/oci/descriptor.js';
import { timeoutError, tryLater } from './network-error.js';
import { type RateLimit, takeBytes } from './rate-limit.js';
import type { Timeouts } from './settings.js';

export interface BodyOptions {
  /** Bytes to drop because an earlier answer brought them. */
  readonly skip: number;
  /** Bytes to hand on after those. */
  readonly wanted: number;
  readonly onChunk: (chunk: Buffer) => void;
  readonly timeouts: Timeouts;
  readonly rate: RateLimit | undefined;
  readonly host: string;
}

export type BodyEnd =
  | { readonly kind: 'complete' }
  /** Another try may bring the rest. */
  | { readonly kind: 'cut'; readonly error: unknown }
  /** No other try would help. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** A stall is counted in ticks, not by the clock: while `onChunk` works, neither bytes nor ticks can come. */
const ticksPerWindow = 10;
/** Shorter ones are made up for by the next. */
const shortestPauseMs = 5;

/**
 * Everything happens inside the `data` event. The chunks are slices of what the socket read, and no promise or copy is
 * made for each; a consumer that takes its time holds up the socket, which is all the back-pressure that is needed.
 */
export function consumeBody(response: IncomingMessage, options: BodyOptions): Promise<BodyEnd> {
  const { onChunk, timeouts, rate, host } = options;
  let { skip, wanted } = options;
  let bytesInWindow = 0;
  let ticks = 0;
  let finished = false;
  let pause: NodeJS.Timeout | undefined;
  return new Promise((resolve) => {
    const finish = (end: BodyEnd) => {
      finished = true;
      clearInterval(timer);
      clearTimeout(pause);
      if (end.kind !== 'complete' || !response.complete) response.destroy();
      resolve(end);
    };
    const stop = (error: unknown) => finish(wanted === 0 ? { kind: 'complete' } : { kind: 'cut', error });
    const rest = (ms: number) => {
      if (ms < shortestPauseMs) return;
      response.pause();
      pause = setTimeout(() => {
        pause = undefined;
        response.resume();
      }, ms);
    };
    const timer = setInterval(() => {
      // A server that is not listened to does not stall.
      if (pause !== undefined || ++ticks < ticksPerWindow) return;
      if (bytesInWindow < timeouts.stallBytes)
        stop(timeoutError(`${host} sent ${bytesInWindow} bytes in ${timeouts.stallMs / 1000} s`));
      ticks = 0;
      bytesInWindow = 0;
    }, timeouts.stallMs / ticksPerWindow);
    response.on('data', (received: Buffer) => {
      // Destroying the response does not call back what its parser already holds.
      if (finished) return;
      bytesInWindow += received.length;
      if (rate !== undefined) rest(takeBytes(rate, received.length));
      let chunk = received;
      if (skip > 0) {
        const dropped = Math.min(skip, chunk.length);
        skip -= dropped;
        if (dropped === chunk.length) return;
        chunk = chunk.subarray(dropped);
      }
      if (chunk.length > wanted) return finish({ kind: 'failed', error: tooLong(host) });
      wanted -= chunk.length;
      try {
        onChunk(chunk);
      } catch (error) {
        finish({ kind: 'failed', error });
      }
    });
    response.once('end', () => stop(broken(`${host} sent ${wanted} bytes too few`)));
    response.on('error', stop);
    response.once('close', () => stop(broken(`${host} closed the connection`)));
  });
}

function broken(message: string): KnownError {
  return new KnownError('E_NETWORK', message, { hint: tryLater });
}

export function tooLong(host: string): KnownError {
  return new KnownError('E_VERIFY', `${host} sends more bytes than the descriptor of the blob says`, {
    hint: servedWrong,
  });
}
