import { constants, openSync } from 'node:fs';
import { O_PATH } from '../../../store/linux/flags.js';

/** The descriptor that clone3(2) wants for CLONE_INTO_CGROUP. */
export function openCgroup(folder: string): number {
  return openSync(folder, O_PATH | constants.O_DIRECTORY);
}
