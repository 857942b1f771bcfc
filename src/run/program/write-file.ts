import { constants } from 'node:fs';
import { AT_FDCWD } from '../../../store/linux/flags.js';
import type { Program } from '../stage2/program.js';

/**
 * Writes a text to an existing file of the kernel (/proc, cgroups) in one call.
 *
 * @param options.ignore go on where there is no such file, or it takes no such text
 */
export function writeKernelFile(
  program: Program,
  path: string,
  text: string,
  options: { ignore?: boolean } = {},
): void {
  const fd = program.slot();
  program.call('openat', [AT_FDCWD, path, constants.O_WRONLY, 0], path, { save: fd, ...options });
  program.call('write', [fd, text, Buffer.byteLength(text)], `${JSON.stringify(text)} to ${path}`, options);
  program.call('close', [fd], '', options);
}
