/** The other side of a supervisor's connection. */
import type { Socket } from 'node:net';
import { KnownError } from '../../../store/errors.js';
import { frame, frameConnection } from './framed-connection.js';
import {
  type ControlAnswer,
  type ControlRequest,
  type ServerMessage,
  unpackError,
  type WindowSize,
} from './protocol.js';

/** It was killed, or the container has ended and it with it. */
export class SupervisorGone extends KnownError {}

/** What is sent at once of input. */
const INPUT_BYTES = 64 * 1024;

export interface ControlClient {
  /** @throws KnownError what the supervisor answers; {@link SupervisorGone} when it has ended without an answer */
  request(request: ControlRequest): Promise<ControlAnswer>;
  /** Input for the container; settles when there is room for more. */
  input(chunk: Uint8Array): Promise<void>;
  endInput(): void;
  resize(size: WindowSize): void;
  /** The container's exit status, if this connection was attached; undefined when the supervisor went without a word. */
  readonly ended: Promise<number | undefined>;
  close(): void;
}

/** @param onOutput a promise makes the container wait */
export function controlClient(
  socket: Socket,
  onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | void = () => undefined,
): ControlClient {
  const waiting = new Map<number, { resolve: (answer: ControlAnswer) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let settle: (exitCode: number | undefined) => void = () => undefined;
  const ended = new Promise<number | undefined>((resolve) => {
    settle = resolve;
  });
  const untaken: (() => void)[] = [];
  const take = (message: ServerMessage): void => {
    if ('event' in message) {
      settle(message.exitCode);
      return;
    }
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if ('ok' in message) asked?.resolve(message.ok);
    else asked?.reject(unpackError(message.error));
  };
  const connection = frameConnection(socket, (type, payload) => {
    if (type === frame.data) return onOutput('stdout', payload);
    if (type === frame.error) return onOutput('stderr', payload);
    if (type === frame.taken) return untaken.shift()?.();
    take(JSON.parse(payload.toString()) as ServerMessage);
    return undefined;
  });
  void connection.closed.then(() => {
    settle(undefined);
    for (const { reject } of waiting.values()) reject(gone());
    waiting.clear();
    for (const resolve of untaken.splice(0)) resolve();
  });
  const send = (request: ControlRequest, id: number): void =>
    void connection.send(frame.message, JSON.stringify({ ...request, id }));
  return {
    request: (request) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(gone());
        const id = ++lastId;
        waiting.set(id, { resolve, reject });
        send(request, id);
      }),
    async input(chunk) {
      for (let at = 0; at < chunk.length && socket.writable; at += INPUT_BYTES) {
        const taken = new Promise<void>((resolve) => void untaken.push(resolve));
        void connection.send(frame.data, chunk.subarray(at, at + INPUT_BYTES));
        await taken;
      }
    },
    endInput: () => void connection.send(frame.end, ''),
    resize: (size) => send({ do: 'resize', size }, 0),
    ended,
    close: () => void socket.destroy(),
  };
}

function gone(): SupervisorGone {
  return new SupervisorGone('E_RUN', 'the supervisor of the container has ended without an answer', {
    hint: 'its last words are in the file supervisor.log in the folder of the container',
    exitCode: 125,
  });
}
