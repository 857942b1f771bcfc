/** `tscontainer update` */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { RestartPolicy } from '../containers/container-record.js';
import { updateContainer } from '../life/update.js';
import type { RunOptions } from '../run/run-options.js';
import { withExitCode } from './explain-error.js';
import { parseRestartPolicy } from './life-flags.js';
import type { CliContext } from './main.js';
import { cpusFlag } from './run-options-from-flags.js';
import { integerFlag, sizeFlag } from './run-size-flag.js';

/** @param flags as the command line has them, by their names in camel case */
export async function updateFromFlags(
  root: string,
  names: readonly string[],
  flags: Readonly<Record<string, string>>,
  context: CliContext,
): Promise<void> {
  const { restart } = flags;
  const options = limitsFrom(flags);
  if (restart === undefined && Object.keys(options).length === 0)
    throw new KnownError('E_USAGE', 'you must provide one or more flags when using this command');
  const change = { options, ...(restart !== undefined && { restart: policyFrom(restart) }) };
  for (const name of names) {
    try {
      await updateContainer(root, name, change);
      context.out(`${printable(name)}\n`);
    } catch (error) {
      context.report(asFailureOfUpdate(error));
    }
  }
}

/** 125 is for run alone. */
function asFailureOfUpdate(error: unknown): unknown {
  return error instanceof KnownError ? withExitCode(error, 1) : error;
}

function policyFrom(text: string): RestartPolicy {
  try {
    return parseRestartPolicy(text);
  } catch (error) {
    throw asFailureOfUpdate(error);
  }
}

function limitsFrom(flags: Readonly<Record<string, string>>): Partial<RunOptions> {
  const options = {
    blkioWeight: integerFlag(flags['blkioWeight'], '--blkio-weight'),
    cpuPeriod: integerFlag(flags['cpuPeriod'], '--cpu-period'),
    cpuQuota: integerFlag(flags['cpuQuota'], '--cpu-quota'),
    cpuShares: integerFlag(flags['cpuShares'], '-c, --cpu-shares'),
    cpus: cpusFlag(flags['cpus']),
    cpusetCpus: flags['cpusetCpus'],
    cpusetMems: flags['cpusetMems'],
    memory: sizeFlag(flags['memory'], '-m, --memory'),
    memoryReservation: sizeFlag(flags['memoryReservation'], '--memory-reservation'),
    memorySwap: sizeFlag(flags['memorySwap'], '--memory-swap', true),
    pidsLimit: integerFlag(flags['pidsLimit'], '--pids-limit'),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
