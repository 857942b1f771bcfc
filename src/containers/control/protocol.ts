/** What is said to the supervisor of a container, and what it answers. */
import { type ErrorCode, KnownError } from '../../../store/errors.js';
import type { ContainerState, RestartPolicy } from '../container-record.js';

export interface WindowSize {
  rows: number;
  columns: number;
}

export type ControlRequest =
  | { do: 'start' }
  /** Output from now on comes as frames, and frames of input are taken if `input`; the end comes as an event. */
  | { do: 'attach'; input: boolean; output: boolean }
  /** Somebody let go of it by keys; no output follows. */
  | { do: 'detach' }
  | { do: 'resize'; size: WindowSize }
  /** Sends one signal. */
  | { do: 'kill'; signal: number }
  /**
   * Sends the signal, and SIGKILL after the time; answered when the container has ended. -1 waits for ever. Unless it is for good, the
   * container is one that should run after the next start of the machine.
   */
  | { do: 'stop'; signal: number; timeoutMs: number; forGood: boolean }
  | { do: 'pause' }
  | { do: 'unpause' }
  /** Answered when it has ended and will not be started again. */
  | { do: 'wait' }
  | { do: 'rename'; name: string }
  /** Members of the container's options that change, and the policy if that does. */
  | { do: 'update'; options: object; restart?: RestartPolicy };

export interface ControlAnswer {
  state: ContainerState;
  /** After `wait` and `stop`. */
  exitCode?: number;
  tty?: boolean;
}

/** The container has ended; no output follows. */
export interface EndEvent {
  event: 'end';
  exitCode: number;
}

export interface PackedError {
  code: ErrorCode;
  message: string;
  hint?: string | undefined;
  exitCode?: number | undefined;
}

export type ServerMessage = { id: number; ok: ControlAnswer } | { id: number; error: PackedError } | EndEvent;
export type ClientMessage = ControlRequest & { id: number };

export function packError(error: unknown): PackedError {
  if (error instanceof KnownError)
    return { code: error.code, message: error.message, hint: error.hint, exitCode: error.exitCode };
  return { code: 'E_RUN', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

export function unpackError({ code, message, hint, exitCode }: PackedError): KnownError {
  return new KnownError(code, message, {
    ...(hint !== undefined && { hint }),
    ...(exitCode !== undefined && { exitCode }),
  });
}
