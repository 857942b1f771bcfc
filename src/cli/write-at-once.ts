/** Output of short commands. */
import { writeSync } from 'node:fs';
import { isErrno } from '../../store/errors.js';

/** Status of a program that SIGPIPE ended, which is what a closed pipe means for others. */
const brokenPipe = 141;

/**
 * Writes without Node's streams, whose loading takes a tenth of a short command's time. What a pipe that does not block cannot take
 * now goes through them. A closed pipe ends the program.
 */
export function writeAtOnce(fd: 1 | 2, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(fd, bytes, written);
  } catch (error) {
    if (isErrno(error, 'EPIPE')) process.exit(brokenPipe);
    if (!isErrno(error, 'EAGAIN')) throw error;
    const stream = fd === 1 ? process.stdout : process.stderr;
    endOnBrokenPipe(stream);
    stream.write(bytes.subarray(written));
  }
}

/** `tsimage ls | head -1` closes the pipe early; there is nobody left to tell. */
export function endOnBrokenPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error) => {
    if (isErrno(error, 'EPIPE')) process.exit(brokenPipe);
    throw error;
  });
}
