import { closeSync } from 'node:fs';
import { sealedExecutable } from '../../../store/linux/anonymous-file.js';
import { spawnInSession } from '../../../store/linux/spawn.js';
import * as c from '../program/constants.js';
import { executable } from '../stage2/elf.js';
import { Program } from '../stage2/program.js';
import { hostArchitecture } from '../start/launch.js';

const BUFFER_BYTES = 4096;

/**
 * Leaves a terminal to a process of its own, which drops what is written there until nobody has it open any more. Without it the
 * commands on the terminal would be hung up on when this process ends, as they are where the kernel forbids executables in memory.
 */
export function keepTerminalOpen(master: number): void {
  const architecture = hostArchitecture();
  const program = new Program(architecture);
  const buffer = program.bytes(Buffer.alloc(BUFFER_BYTES));
  const again = program.label();
  const gone = program.label();
  program.call('close_range', [1, c.LAST_DESCRIPTOR, 0]);
  program.mark(again);
  program.call('read', [0, buffer, BUFFER_BYTES], 'the terminal', { onError: gone });
  program.jump(again);
  program.mark(gone);
  program.call('exit_group', [0]);
  const file = sealedExecutable('tspull-terminal', executable(architecture, program.image(2)));
  if (file === undefined) return;
  try {
    spawnInSession({ path: `/proc/self/fd/${file}`, argv: ['tscontainer-terminal'], descriptors: [master] });
  } finally {
    closeSync(file);
  }
}
