/** `sandbox` of the library: untrusted code, its output and everything about its end as one value. */
import { defaultRoot, openForWriting } from '../../store/store.js';
import type { RunOptions } from '../run/run-options.js';
import { keptOutput } from '../run/sandbox/kept-output.js';
import { type MeasuredResult, measuredRun } from '../run/sandbox/measured-run.js';
import { sandboxDefaults, sandboxOptions } from '../run/sandbox/sandbox-options.js';
import { type ImageSource, imageFrom } from './run.js';

export interface SandboxOptions extends Omit<RunOptions, 'autoRemove' | 'interactive' | 'tty'>, ImageSource {
  /** Milliseconds until the command is killed; default 60 000, 0 for no limit. */
  timeoutMs?: number;
  /** Bytes of both outputs together after which the command is killed; default 16 MiB. */
  outputLimit?: number;
  /** What the command reads; nothing by default. */
  input?: Uint8Array | string;
  /** How the outputs become strings; default `utf8`, with U+FFFD for what is none. `latin1` and `base64` keep every byte. */
  encoding?: 'utf8' | 'latin1' | 'base64';
  /** Kills the command. */
  signal?: AbortSignal;
  onWarning?: (text: string) => void;
}

export interface SandboxResult extends MeasuredResult {
  stdout: string;
  stderr: string;
}

/**
 * Runs untrusted code: no network, no capabilities, no new privileges, a root that cannot be written to but for folders in
 * memory, and limits on memory (512 MiB), processes (256), time and output. What is asked for otherwise in `options` holds, unless
 * it would open the sandbox. Many may run at once.
 *
 * @returns also for a command that fails or is killed; `reason` tells why it ended
 * @throws KnownError with `exitCode` 125, 126 or 127 when the command could not be started
 */
export async function sandbox(
  image: string,
  command: readonly string[] = [],
  options: SandboxOptions = {},
): Promise<SandboxResult> {
  const { root: path = defaultRoot(), pull, pullOptions, timeoutMs, outputLimit, input, encoding, ...more } = options;
  const { signal, onWarning, ...runOptions } = more;
  const inside = sandboxOptions(runOptions);
  using store = await openForWriting(path);
  const { root } = store;
  const found = await imageFrom(root, image, { ...(pull && { pull }), ...(pullOptions && { pullOptions }) });
  const out = keptOutput();
  const err = keptOutput();
  const result = await measuredRun(
    { root, image: found, command, options: inside, ...(onWarning && { onWarning }) },
    {
      timeoutMs: timeoutMs ?? sandboxDefaults.timeoutMs,
      outputLimit: outputLimit ?? sandboxDefaults.outputLimit,
      input,
      out: out.sink,
      err: err.sink,
      forwardsSignals: false,
      ...(signal && { signal }),
    },
  );
  return { ...result, stdout: out.text(encoding), stderr: err.text(encoding) };
}
