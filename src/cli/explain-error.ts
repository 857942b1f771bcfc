/** Wording of failures for people; the only place that decides it. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';

/** The command line is wrong. `text` is complete, with usage and advice, and may have several lines. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode: number;

  constructor(text: string, exitCode: number) {
    super(text);
    this.exitCode = exitCode;
  }
}

/** Lines for standard error, without the newline at the end. */
export function explainError(program: string, error: unknown): string {
  if (error instanceof UsageError) return printableLines(error.message);
  if (error instanceof KnownError) {
    const hint = error.hint === undefined ? '' : `\n  hint: ${printable(error.hint)}`;
    return `${program}: ${printable(error.message, 4000)}${hint}`;
  }
  if (isInterrupt(error)) return `${program}: interrupted`;
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${program}: internal error, please report it\n${printableLines(detail)}`;
}

function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line))
    .join('\n');
}

/** Status of what SIGINT ended, and of what was cancelled for any other reason. */
export const INTERRUPTED = 130;

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return error.exitCode;
  if (error instanceof KnownError) return error.exitCode ?? (error.code === 'E_CANCELLED' ? INTERRUPTED : 1);
  return isInterrupt(error) ? INTERRUPTED : 1;
}

function isInterrupt(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
