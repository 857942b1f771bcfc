/** Raw mode of the caller's terminal (termios(3)): what is typed goes to the container untouched, and what it sends to us. */
import { bind, check } from '../../../store/linux/libc.js';

const cTcgetattr = bind('int tcgetattr(int, void *)');
const cTcsetattr = bind('int tcsetattr(int, int, const void *)');
const cCfmakeraw = bind('void cfmakeraw(void *)');

/** Larger than struct termios of any C library. */
const TERMIOS_SIZE = 128;
const TCSADRAIN = 1;

/**
 * Makes a terminal raw and returns the function that restores it; calling that again does nothing. Node's own
 * setRawMode() leaves the translation of line ends on, so lines would end in `\r\r\n`.
 */
export function enterRawMode(fd: number): () => void {
  const before = Buffer.alloc(TERMIOS_SIZE);
  check(cTcgetattr(fd, before), 'tcgetattr');
  const raw = Buffer.from(before);
  cCfmakeraw(raw);
  check(cTcsetattr(fd, TCSADRAIN, raw), 'tcsetattr');
  let restored = false;
  const restore = (): void => {
    if (restored) return;
    restored = true;
    process.off('exit', restore);
    check(cTcsetattr(fd, TCSADRAIN, before), 'tcsetattr');
  };
  process.on('exit', restore);
  return restore;
}
