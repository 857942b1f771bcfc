/** `--sandbox`, `--timeout`, `--output-limit` and `--json` of tsrun. */
import { KnownError } from '../../store/errors.js';
import type { RunRequest } from '../run/run.js';
import type { RunOptions } from '../run/run-options.js';
import { keptOutput } from '../run/sandbox/kept-output.js';
import { type MeasuredResult, measuredRun } from '../run/sandbox/measured-run.js';
import type { Sink } from '../run/sandbox/measured-streams.js';
import { sandboxDefaults, sandboxOptions } from '../run/sandbox/sandbox-options.js';
import { durationFlag } from './duration.js';
import type { ParsedFlags } from './run-flag-parser.js';
import { sizeFlag } from './run-size-flag.js';

/** The options under these flags. What was not said is the sandbox's to decide. */
export function optionsUnder(flags: ParsedFlags, options: RunOptions): RunOptions {
  if (!flags.has('sandbox')) return options;
  const { readonly: _, ...rest } = options;
  return sandboxOptions(flags.last('read-only') === 'false' ? { ...rest, readonly: false } : rest);
}

/** Runs, says why the command ended if it did not exit by itself, or all of it as JSON, and returns the status. */
export async function runMeasured(flags: ParsedFlags, request: Omit<RunRequest, 'hooks'>, say: Say): Promise<number> {
  const isSandbox = flags.has('sandbox');
  const isJson = flags.has('json');
  const timeoutMs = durationFlag(flags.last('timeout'), '--timeout') ?? (isSandbox ? sandboxDefaults.timeoutMs : 0);
  const limit = sizeFlag(flags.last('output-limit'), '--output-limit');
  const outputLimit = limit ?? (isSandbox || isJson ? sandboxDefaults.outputLimit : Number.POSITIVE_INFINITY);
  const out = keptOutput();
  const err = keptOutput();
  const result = await measuredRun(request, {
    timeoutMs,
    outputLimit,
    input: request.options.interactive ? 'caller' : undefined,
    out: isJson ? out.sink : handOn(process.stdout),
    err: isJson ? err.sink : handOn(process.stderr),
    forwardsSignals: true,
  });
  if (isJson) process.stdout.write(`${JSON.stringify({ ...result, stdout: out.text(), stderr: err.text() })}\n`);
  else {
    const words = wordsFor(result, { timeoutMs, outputLimit, memory: request.options.memory ?? 0 });
    if (words !== undefined) say(`tsrun: ${words}\n`);
  }
  return result.exitCode;
}

type Say = (text: string) => void;

/** A failure before the start, for `--json`. */
export function failureJson(error: unknown): string | undefined {
  if (!(error instanceof KnownError)) return undefined;
  const { code, message, hint, exitCode } = error;
  return JSON.stringify({ error: { code, message, ...(hint && { hint }), exitCode: exitCode ?? 125 } });
}

function handOn(target: NodeJS.WriteStream): Sink {
  // Whoever read it has gone; the command goes on, as if it were heard.
  target.on('error', () => undefined);
  return (chunk) =>
    target.write(chunk) || target.destroyed
      ? undefined
      : new Promise((resolve) => {
          const done = (): void => {
            target.off('drain', done).off('close', done);
            resolve();
          };
          target.on('drain', done).on('close', done);
        });
}

function wordsFor(
  { reason, signal }: MeasuredResult,
  limits: { timeoutMs: number; outputLimit: number; memory: number },
): string | undefined {
  switch (reason) {
    case 'timeout':
      return `the command was killed: it ran longer than ${limits.timeoutMs / 1000} s`;
    case 'output-limit':
      return `the command was killed: it wrote more than ${limits.outputLimit} bytes`;
    case 'out-of-memory':
      return `the command was killed by the kernel: it used more than ${limits.memory} bytes of memory`;
    case 'signal':
      return `the command was killed by ${signal}`;
    default:
      return undefined;
  }
}
