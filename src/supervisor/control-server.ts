/** Answers those who connect to a container's supervisor. */
import type { Socket } from 'node:net';
import { KnownError } from '../../store/errors.js';
import { type FramedConnection, frame, frameConnection } from '../containers/control/framed-connection.js';
import {
  type ClientMessage,
  type ControlAnswer,
  packError,
  type ServerMessage,
} from '../containers/control/protocol.js';
import type { OutputSink } from '../run/start/attachable-streams.js';
import type { SupervisedContainer } from './supervised-container.js';

export interface ControlServer {
  /** Takes a new connection. */
  serve(socket: Socket): void;
  /** To everybody who is attached. */
  readonly output: OutputSink;
  /** Tells them of the end, and ends all connections; settles when everybody has taken what was for them, or is gone. */
  finish(exitCode: number): Promise<void>;
}

export interface Controlled {
  container: () => SupervisedContainer;
  /** Starts the container, once; settles when it executes its command. */
  start(): Promise<void>;
  /** Settles when it has ended for good. */
  ended: Promise<number>;
}

export function createControlServer({ container, start, ended }: Controlled): ControlServer {
  const attached = new Set<FramedConnection>();
  const all = new Set<FramedConnection>();
  const answers = new Map<FramedConnection, Set<Promise<void>>>();

  async function perform(request: ClientMessage, connection: FramedConnection): Promise<Partial<ControlAnswer>> {
    const it = container();
    switch (request.do) {
      case 'start':
        await start();
        return {};
      case 'attach':
        if (request.output) attached.add(connection);
        it.note('attach');
        return { tty: it.options.tty ?? false };
      case 'resize':
        it.resize(request.size);
        return {};
      case 'detach':
        attached.delete(connection);
        it.note('detach');
        return {};
      case 'kill':
        it.kill(request.signal);
        return {};
      case 'stop':
        await it.stop(request, ended);
        return { exitCode: await ended };
      case 'pause':
        it.pause();
        return {};
      case 'unpause':
        it.unpause();
        return {};
      case 'wait':
        return { exitCode: await ended };
      case 'rename':
        it.setName(request.name);
        return {};
      case 'update':
        it.update(request.options, request.restart);
        return {};
      default:
        throw new KnownError('E_USAGE', `an unknown request: ${JSON.stringify(request)}`);
    }
  }

  async function answer(request: ClientMessage, connection: FramedConnection): Promise<void> {
    const { id } = request;
    let message: ServerMessage;
    try {
      const answered = await perform(request, connection);
      message = { id, ok: { state: container().record.state, ...answered } };
    } catch (error) {
      message = { id, error: packError(error) };
    }
    await connection.send(frame.message, JSON.stringify(message));
  }

  async function takeInput(payload: Buffer, connection: FramedConnection): Promise<void> {
    await container().streams?.input(payload);
    await connection.send(frame.taken, '');
  }

  /** Each at its own pace: one that does not read keeps nobody from hearing. */
  async function bidFarewell(connection: FramedConnection, event: ServerMessage): Promise<void> {
    if (attached.has(connection)) await connection.send(frame.message, JSON.stringify(event));
    await Promise.all(answers.get(connection) ?? []);
    connection.close();
    await connection.closed;
  }

  return {
    serve(socket) {
      const connection = frameConnection(socket, (type, payload) => {
        // Nothing is waited for: neither requests nor input must keep the other from the container.
        if (type === frame.data) void takeInput(payload, connection);
        if (type === frame.end && container().options.stdinOnce !== false) container().streams?.endInput();
        if (type !== frame.message) return;
        const answered = answer(JSON.parse(payload.toString()), connection).then(() => void open.delete(answered));
        open.add(answered);
      });
      const open = new Set<Promise<void>>();
      answers.set(connection, open);
      all.add(connection);
      void connection.closed.then(() => {
        attached.delete(connection);
        all.delete(connection);
        answers.delete(connection);
      });
    },
    async output(stream, chunk) {
      const type = stream === 'stdout' ? frame.data : frame.error;
      await Promise.all([...attached].map((connection) => connection.send(type, chunk)));
    },
    async finish(exitCode) {
      const event: ServerMessage = { event: 'end', exitCode };
      await Promise.all([...all].map((connection) => bidFarewell(connection, event)));
    },
  };
}
