/** `tscontainer exec -t`: a terminal of the container, joined with the caller's. */
import { fchownSync } from 'node:fs';
import { constants } from 'node:os';
import { type ExecRequest, startExec } from '../run/exec/exec.js';
import { keepTerminalOpen } from '../run/exec/keep-terminal.js';
import { openPtyOf } from '../run/tty/pty.js';
import { terminalStreams } from '../run/tty/terminal-streams.js';
import { detachScanner } from './detach-keys.js';

/** What ends this program, leaving the caller's terminal as it was. */
const ending = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

export async function execOnTerminal(request: Omit<ExecRequest, 'streams'>, detachKeys: Buffer): Promise<number> {
  const scanner = detachScanner(detachKeys);
  for (const name of ending) process.once(name, () => process.exit(128 + constants.signals[name]));
  return await new Promise((resolve, reject) => {
    const streams = (rootfs: number, owner: { uid: number; gid: number }) => {
      const made = terminalStreams({
        interactive: request.options.interactive ?? false,
        open: (size) => openPtyOf(rootfs, size),
        filter(typed) {
          const { input, detached } = scanner.scan(typed);
          if (detached) {
            keepTerminalOpen(made.pty.master);
            // What reads the terminal would keep this program from an end in good order.
            process.stdout.write('read escape sequence\n', () => process.exit(1));
          }
          return input;
        },
      });
      fchownSync(made.pty.slave, owner.uid, owner.gid);
      return made;
    };
    startExec({ ...request, streams }).then(({ ended }) => ended.then(resolve, reject), reject);
  });
}
