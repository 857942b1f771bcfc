/**
 * Messages over a stream socket, the same in both directions: one byte that says what it is, the length of what follows (32 bits,
 * big-endian), and that.
 */
import type { Socket } from 'node:net';

export const frame = {
  /** A JSON document: a request, its answer, or an event. */
  message: 0,
  /** To the container: input. From it: standard output. */
  data: 1,
  /** From the container: standard error. */
  error: 2,
  /** To the container: no more input will come. */
  end: 3,
  /** From the container: one frame of input was taken. The next one is sent then, so that requests never queue behind input. */
  taken: 4,
} as const;

const HEADER_BYTES = 5;
/** Neither side ever sends more at once; a peer that does is broken. */
const LARGEST_FRAME = 1024 * 1024;

export interface FramedConnection {
  /** Settles when there is room for more; at once when the other side is gone. */
  send(type: number, payload: Uint8Array | string): Promise<void>;
  /** Settles when both sides have closed it, and all that came was taken. */
  readonly closed: Promise<void>;
  /** Ends our side once all is sent; what the other side still sends is read, so that it can take what is on its way in peace. */
  close(): void;
}

/** @param onFrame a promise makes the other side wait */
export function frameConnection(
  socket: Socket,
  onFrame: (type: number, payload: Buffer) => Promise<void> | void,
): FramedConnection {
  const gone = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  // What matters is that it is gone, not how.
  socket.on('error', () => socket.destroy());
  const received = receive(socket, onFrame);
  return {
    async send(type, payload) {
      if (!socket.writable) return;
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
      const header = Buffer.alloc(HEADER_BYTES);
      header[0] = type;
      header.writeUInt32BE(bytes.length, 1);
      if (!socket.write(Buffer.concat([header, bytes]))) await Promise.race([drained(socket), gone]);
    },
    closed: Promise.all([gone, received]).then(() => undefined),
    close: () => void socket.end(),
  };
}

/** Not by `once` of node:events, which fails with the socket. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('drain', () => resolve()));
}

async function receive(
  socket: Socket,
  onFrame: (type: number, payload: Buffer) => Promise<void> | void,
): Promise<void> {
  let pending: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      while (pending.length >= HEADER_BYTES) {
        const length = pending.readUInt32BE(1);
        if (length > LARGEST_FRAME) return void socket.destroy();
        if (pending.length < HEADER_BYTES + length) break;
        const payload = pending.subarray(HEADER_BYTES, HEADER_BYTES + length);
        await onFrame(pending[0] ?? 0, payload);
        pending = pending.subarray(HEADER_BYTES + length);
      }
    }
  } catch (error) {
    // Node's word for a socket that was destroyed under the loop; anything else is ours.
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}
