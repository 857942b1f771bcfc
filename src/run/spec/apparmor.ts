import { readFileSync } from 'node:fs';
import { isErrno, KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';

/** What of AppArmor this machine has; undefined where the kernel has none or it is switched off. */
export interface AppArmor {
  /** Names of loaded profiles; undefined where that cannot be seen. */
  profiles: ReadonlySet<string> | undefined;
}

/**
 * The profile to change to. Docker's own is loaded by its daemon; here a container has one when asked to.
 *
 * @throws KnownError E_KERNEL for a profile that is not there
 */
export function appArmorProfile(
  name: string | undefined,
  find: () => AppArmor | undefined = appArmor,
): string | undefined {
  if (name === undefined || name === '' || name === 'unconfined') return undefined;
  if (!/^[\x21-\x7e]+$/.test(name))
    throw new KnownError('E_USAGE', `invalid AppArmor profile "${printable(name)}"`, { exitCode: 125 });
  const machine = find();
  if (machine === undefined)
    throw new KnownError(
      'E_KERNEL',
      `cannot use the AppArmor profile "${name}": this kernel has no AppArmor, or it is switched off`,
      {
        hint: 'leave --security-opt apparmor out',
        exitCode: 125,
      },
    );
  if (machine.profiles === undefined || machine.profiles.has(name)) return name;
  throw new KnownError('E_KERNEL', `the AppArmor profile "${name}" is not loaded`, {
    hint: 'load it with apparmor_parser; /sys/kernel/security/apparmor/profiles lists what is',
    exitCode: 125,
  });
}

function appArmor(): AppArmor | undefined {
  if (textOf('/sys/module/apparmor/parameters/enabled')?.trim() !== 'Y') return undefined;
  const lines = textOf('/sys/kernel/security/apparmor/profiles')?.split('\n');
  return { profiles: lines && new Set(lines.map((line) => line.replace(/ \([a-z]+\)$/, ''))) };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return undefined;
    throw error;
  }
}
