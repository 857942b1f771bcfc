/** Images into a running Docker daemon, by the part of its API that `docker load` uses. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { checkStatus, unreachable } from './sources/docker-daemon.js';

/** The daemon tells at least how far it is with a layer; nothing at all for so long means that it is stuck. */
const IDLE_MS = 10 * 60_000;
const MAX_LINE_BYTES = 1024 * 1024;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

export interface LoadOptions {
  socket: string;
  /** The archive; each piece is valid until the next one is asked for. */
  pieces: Iterable<Buffer>;
  signal: AbortSignal;
  idleMs?: number;
}

/** Resolves when the daemon says that it has all of it. @throws KnownError E_REGISTRY, E_NETWORK, E_PERMISSION, or what the pieces throw */
export async function loadIntoDaemon({ socket, pieces, signal, idleMs = IDLE_MS }: LoadOptions): Promise<void> {
  const headers = { host: 'docker', 'user-agent': 'tspull', 'content-type': 'application/x-tar' };
  const sent = request({
    socketPath: socket,
    path: '/images/load?quiet=0',
    method: 'POST',
    headers,
    agent: false,
    signal,
  });
  const answered = answerTo(sent, { socket, signal, idleMs });
  const writing = writeAll(sent, pieces);
  try {
    // A daemon that refuses answers before it has read everything.
    const answer = await Promise.race([answered, writing.then(() => answered)]);
    await readProgress(await checkStatus(answer), socket);
    await writing;
  } finally {
    sent.destroy();
    await Promise.allSettled([answered, writing]);
  }
}

function answerTo(
  sent: ClientRequest,
  { socket, signal, idleMs }: { socket: string; signal: AbortSignal; idleMs: number },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    sent.on('error', (cause) => reject(signal.aborted ? cause : unreachable(socket, cause)));
    sent.setTimeout(idleMs, () => sent.destroy(new Error(`nothing happened for ${idleMs / 1000} s`)));
    sent.once('close', () => reject(unreachable(socket, new Error('it closed the connection'))));
  });
}

/** Ends without a failure of its own when the connection does: that is told by the answer. */
async function writeAll(sent: ClientRequest, pieces: Iterable<Buffer>): Promise<void> {
  for (const piece of pieces) {
    if (sent.destroyed) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        sent.off('close', settle);
        resolve();
      };
      sent.once('close', settle);
      sent.write(piece, settle);
    });
  }
  sent.end();
}

/** Objects one after the other; one with an error is the last. */
async function readProgress(answer: IncomingMessage, socket: string): Promise<void> {
  let rest = '';
  let length = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length;
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_BYTES || length > MAX_ANSWER_BYTES)
        throw new KnownError('E_REGISTRY', 'the Docker daemon answers without end');
      for (const line of lines) refuseError(line);
    }
  } catch (cause) {
    if (cause instanceof KnownError || !(cause instanceof Error)) throw cause;
    throw unreachable(socket, cause);
  }
  refuseError(rest);
}

function refuseError(line: string): void {
  const message = errorIn(line);
  if (message === undefined) return;
  throw new KnownError('E_REGISTRY', `the Docker daemon cannot load the image: ${printable(message, 500)}`);
}

function errorIn(line: string): string | undefined {
  if (line.trim() === '') return undefined;
  try {
    const { error } = JSON.parse(Buffer.from(line, 'latin1').toString()) ?? {};
    return typeof error === 'string' ? error : undefined;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new KnownError('E_REGISTRY', `the Docker daemon answers with what is no JSON: ${printable(line, 200)}`);
  }
}
