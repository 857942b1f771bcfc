/** Sends bytes as the body of a request, no faster than they are taken. */
import type { ClientRequest } from 'node:http';
import type { RequestBody } from '../exchange.js';
import { timeoutError } from '../network-error.js';

export interface BodyOptions {
  /** From their beginning, each time it is called. */
  open(): AsyncIterable<Buffer> | Iterable<Buffer>;
  /** So long the server may take nothing. */
  stallMs: number;
  /** Is told the bytes that the connection has taken. */
  onSent?: (bytes: number) => void;
}

/** An answer, or the end of the connection, before the end of the body stops the sending. */
export function bodyOf({ open, stallMs, onSent }: BodyOptions): RequestBody {
  return async (request) => {
    const flow = watchFlow(request, stallMs);
    for await (const chunk of open()) {
      if (flow.isOver()) return;
      if (!request.write(chunk)) await flow.drained();
      onSent?.(chunk.length);
    }
    request.end();
  };
}

function watchFlow(request: ClientRequest, stallMs: number) {
  let over = false;
  let wake = () => {};
  const end = () => {
    over = true;
    wake();
  };
  request.once('response', (response) => {
    end();
    // Node would keep the connection for the rest of the body.
    response.once('end', () => request.writableEnded || request.destroy());
  });
  request.once('close', end);
  request.on('drain', () => wake());
  return {
    isOver: () => over,
    drained: () =>
      new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(timeoutError(`${request.host} takes no bytes within ${stallMs / 1000} s`)),
          stallMs,
        );
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (over) wake();
      }),
  };
}
