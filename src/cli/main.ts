/** What all programs share: running the command, printing failures, choosing the exit status. */
import { leaveAtOnce } from '../../store/linux/leave.js';
import { exitCodeOf, explainError, INTERRUPTED } from './explain-error.js';
import { packageVersion } from './version.js';
import { endOnBrokenPipe } from './write-at-once.js';

export interface CliContext {
  /** The program's name, as errors begin. */
  program: string;
  args: readonly string[];
  /** Results go to standard output, talk to standard error. */
  out(text: string): void;
  err(text: string): void;
  /** Prints a failure and goes on; the program will end with its exit status, or the first such one. */
  report(error: unknown): void;
  /** The exit status that the command's work decides; failures that are reported decide over it. */
  end(status: number): void;
  /** Aborted by the first Ctrl-C or SIGTERM; the second one ends the program at once. */
  signal: AbortSignal;
}

export interface ProgramOptions {
  /** Leaves signals alone: the program forwards them. */
  keepsSignals?: boolean;
  /** Leaves the outputs alone until something is written: loading Node's streams takes a tenth of a short command's time. */
  keepsOutputs?: boolean;
}

export async function runProgram(
  program: string,
  command: (context: CliContext) => Promise<number | undefined>,
  options: ProgramOptions = {},
): Promise<void> {
  process.once('exit', leaveAtOnce);
  const args = process.argv.slice(2);
  if (!options.keepsOutputs) endQuietlyOnBrokenPipe();
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-v')) {
    process.stdout.write(`${program} version ${packageVersion()}\n`);
    return;
  }
  let reported = 0;
  let decided = 0;
  const abort = new AbortController();
  const signals = options.keepsSignals ? undefined : abortOnSignals(abort);
  const statusOf = (error: unknown): number => {
    const status = exitCodeOf(error);
    return status === INTERRUPTED ? (signals?.status() ?? status) : status;
  };
  const report = (error: unknown): void => {
    process.stderr.write(`${explainError(program, error)}\n`);
    reported ||= statusOf(error);
  };
  try {
    const status = await command({
      program,
      args,
      out: (text) => void process.stdout.write(text),
      err: (text) => void process.stderr.write(text),
      report,
      end: (value) => {
        decided = value;
      },
      signal: abort.signal,
    });
    process.exitCode = status ?? (reported || decided);
  } catch (error) {
    report(error);
    process.exitCode = statusOf(error);
  } finally {
    signals?.release();
  }
}

interface AbortingSignals {
  /** Of a program that the signal ended, if there was one. */
  status(): number | undefined;
  release(): void;
}

function abortOnSignals(abort: AbortController): AbortingSignals {
  let status: number | undefined;
  const handlers = Object.entries({ SIGINT: INTERRUPTED, SIGTERM: 143 }).map(([name, code]) => {
    const handler = () => {
      if (abort.signal.aborted) process.exit(code);
      abort.abort();
      status = code;
      process.exitCode = code;
    };
    process.on(name, handler);
    return () => process.off(name, handler);
  });
  return {
    status: () => status,
    release() {
      for (const remove of handlers) remove();
    },
  };
}

export function endQuietlyOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) endOnBrokenPipe(stream);
}
