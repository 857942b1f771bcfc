import { readFileSync } from 'node:fs';
import { isErrno } from '../../../store/errors.js';
import { capabilityNames } from '../spec/capabilities.js';

/** The highest capability that this kernel knows. */
export function lastCapability(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'latin1'));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES')) throw error;
    return capabilityNames.length - 1;
  }
}
