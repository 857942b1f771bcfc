/** Archives of plain files: ustar headers with owner and time 0, so that the same files always make the same archive. */
import { BLOCK } from './header.js';

/** What octal digits of the size field can say; more is written as GNU's base-256, which every reader of images knows. */
const MAX_OCTAL_SIZE = 0o77777777777;

/** @param name at most 100 bytes */
export function fileHeader(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(name) > 100) throw new RangeError(`the name ${name} is too long for a tar header`);
  block.write(name, 0);
  block.write('0000644\0', 100, 'latin1');
  for (const at of [108, 116]) block.write('0000000\0', at, 'latin1');
  if (size <= MAX_OCTAL_SIZE) block.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  else {
    block.writeUInt8(0x80, 124);
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  block.write('00000000000\0', 136, 'latin1');
  block.fill(' ', 148, 156);
  block.write('0', 156, 'latin1');
  block.write(size <= MAX_OCTAL_SIZE ? 'ustar\x0000' : 'ustar  \0', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Zeros that fill the last block of a content. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

export const endOfArchive = Buffer.alloc(2 * BLOCK);
