import { constants } from 'node:os';
import { isErrno, KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { ContainerRecord } from './container-record.js';

const HIGHEST = 64;
const REAL_TIME_FIRST = 34;

/**
 * The number of a signal that is named with or without SIG, or given as a number: `TERM`, `SIGTERM`, `15`, `RTMIN+3`.
 *
 * @throws KnownError with Docker's texts
 */
export function signalNumber(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (/^\d+$/.test(name)) {
    const number = Number(name);
    if (number >= 1 && number <= HIGHEST) return number;
    throw new KnownError('E_USAGE', `The linux daemon does not support signal ${number}`);
  }
  const [, base, sign, offset] = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name) ?? [];
  if (base !== undefined) {
    const number = (base === 'MIN' ? REAL_TIME_FIRST : HIGHEST) + Number(`${sign ?? ''}${offset ?? 0}`);
    if (number >= REAL_TIME_FIRST && number <= HIGHEST) return number;
  }
  const known = Object.entries(constants.signals).find(([key]) => key === `SIG${name}`);
  if (known !== undefined) return known[1];
  throw new KnownError('E_USAGE', `Invalid signal: ${printable(text)}`);
}

/** The stop signal that a container's options or its image name; undefined when neither does. */
export function ownStopSignal({ request }: ContainerRecord): number | undefined {
  const { stopSignal } = (request?.options ?? {}) as { stopSignal?: string };
  const { StopSignal } = (request?.config ?? {}) as { StopSignal?: string | null };
  const name = stopSignal || StopSignal;
  return name ? signalNumber(name) : undefined;
}

/** To a process that may have ended. */
export function sendSignal(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}
