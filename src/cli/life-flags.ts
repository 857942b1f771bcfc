/** Flags about the life of a container: what happens at its end, and where its output goes. */
import { readFileSync } from 'node:fs';
import { isErrno, KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { RestartPolicy } from '../containers/container-record.js';
import type { ImageHealthcheck, RunOptions } from '../run/run-options.js';
import { durationFlag } from './duration.js';
import { type ParsedFlags, usage } from './run-flag-parser.js';
import { integerFlag, sizeFlag } from './run-size-flag.js';

export function lifeOptions(flags: ParsedFlags): Partial<RunOptions> {
  const options: Partial<RunOptions> = {};
  const timeout = integerFlag(flags.last('stop-timeout'), '--stop-timeout');
  if (timeout !== undefined) options.stopTimeout = timeout;
  const driver = flags.last('log-driver');
  if (driver === 'json-file' || driver === 'none') options.logDriver = driver;
  else if (driver) throw usage(`logger: no log driver named '${printable(driver)}' is registered`);
  const health = healthFlags(flags);
  if (health !== undefined) options.health = health;
  for (const entry of flags.all('log-opt')) Object.assign(options, logOption(entry));
  return options;
}

function healthFlags(flags: ParsedFlags): ImageHealthcheck | undefined {
  const nanoseconds = (name: string): number | undefined => {
    const milliseconds = durationFlag(flags.last(name), `--${name}`);
    if (milliseconds !== undefined && milliseconds < 1 && milliseconds !== 0)
      throw usage(`--${name} cannot be less than 1ms`);
    return milliseconds === undefined ? undefined : milliseconds * 1_000_000;
  };
  const command = flags.last('health-cmd');
  const retries = integerFlag(flags.last('health-retries'), '--health-retries');
  if (retries !== undefined && retries < 0) throw usage('--health-retries cannot be negative');
  const health = {
    Test: flags.has('no-healthcheck') ? ['NONE'] : command ? ['CMD-SHELL', command] : undefined,
    Interval: nanoseconds('health-interval'),
    Timeout: nanoseconds('health-timeout'),
    Retries: retries,
    StartPeriod: nanoseconds('health-start-period'),
    StartInterval: nanoseconds('health-start-interval'),
  };
  const given = Object.entries(health).filter(([, value]) => value !== undefined);
  if (flags.has('no-healthcheck') && (command || given.length > 1))
    throw usage('--no-healthcheck conflicts with --health-* options');
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function logOption(entry: string): Partial<RunOptions> {
  const [name = '', value = ''] = entry.split(/=(.*)/s);
  if (name === 'max-size') return { logMaxSize: sizeFlag(value, '--log-opt') ?? 0 };
  if (name === 'max-file') {
    const files = Number(value);
    if (!/^\d+$/.test(value) || files < 1) throw usage("max-file can't be less than 1");
    return { logMaxFiles: files };
  }
  throw usage(`unknown log opt '${printable(name)}' for json-file log driver`);
}

/** `no`, `always`, `unless-stopped`, `on-failure`, `on-failure:5` */
export function restartFlag(flags: ParsedFlags): RestartPolicy | undefined {
  const text = flags.last('restart');
  if (text === undefined || text === '') return undefined;
  const policy = parseRestartPolicy(text);
  if (policy.name !== 'no' && flags.has('rm'))
    throw usage('conflicting options: cannot specify both --restart and --rm');
  return policy;
}

export function parseRestartPolicy(text: string): RestartPolicy {
  const [name = '', count] = text.split(':');
  const isName = name === 'no' || name === 'always' || name === 'unless-stopped' || name === 'on-failure';
  if (!isName) throw usage(`invalid restart policy: unknown policy '${printable(name)}'`);
  if (count === undefined) return { name, maximum: 0 };
  if (!/^\d+$/.test(count)) throw usage('invalid restart policy format: maximum retry count must be an integer');
  if (name !== 'on-failure')
    throw usage("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  return { name, maximum: Number(count) };
}

/** Labels from files, then those of the command line. */
export function labelFlags(files: readonly string[], entries: readonly string[]): Record<string, string> {
  const lines = files.flatMap((file) => textOf(file).split('\n'));
  // As docker does, one without a value counts only on the command line.
  const given = lines.map((line) => line.trim()).filter((line) => line.includes('=') && !line.startsWith('#'));
  return Object.fromEntries(
    [...given, ...entries].map((entry) => entry.split(/=(.*)/s)).map(([name = '', value = '']) => [name, value]),
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT', 'EACCES', 'EISDIR')) throw cause;
    throw new KnownError('E_USAGE', `open ${printable(file)}: no such file or directory`, { cause, exitCode: 125 });
  }
}
