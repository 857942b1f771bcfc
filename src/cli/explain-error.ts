/** Wording of failures for people; the only place that decides it. */
import { KnownError, SyscallError } from '../../store/errors.js';
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
  const refusal = error instanceof SyscallError ? refusals[error.code] : undefined;
  if (refusal !== undefined && error instanceof SyscallError)
    return `${program}: ${printable(error.message)}: ${refusal.why}\n  hint: ${refusal.hint}`;
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${program}: internal error, please report it\n${printableLines(detail)}`;
}

/** Calls that the kernel, or a filter or a container around the program, does not let it make: nothing that we could have foreseen one by one. */
const refusals: Partial<Record<string, { why: string; hint: string }>> = {
  ENOSYS: {
    why: 'the kernel lacks this call, or a filter around this program hides it',
    hint: 'Linux 5.12 or newer is needed; inside a container, its seccomp profile has to allow the call',
  },
  EPERM: {
    why: 'the kernel, or what this program runs in, does not permit it',
    hint: 'on the machine itself root may do it; a container needs more rights to run containers of its own',
  },
};

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

/** The same failure with another exit status. */
export function withExitCode({ code, message, hint, cause }: KnownError, exitCode: number): KnownError {
  return new KnownError(code, message, { cause, ...(hint !== undefined && { hint }), exitCode });
}

/** With Docker's words before its own. */
export function withPrefix({ code, message, hint, cause, exitCode }: KnownError, prefix: string): KnownError {
  const more = { ...(hint !== undefined && { hint }), ...(exitCode !== undefined && { exitCode }) };
  return new KnownError(code, `${prefix}${message}`, { cause, ...more });
}
