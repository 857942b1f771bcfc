import { type Architecture, interpreters } from './code.js';
import { DATA_ADDRESS } from './program.js';

const PAGE = 4096;
const CODE_ADDRESS = DATA_ADDRESS - PAGE;
/** Behind the file header and three program headers. */
const CODE_OFFSET = 0x100;
const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;
const [EXECUTE, WRITE, READ] = [1, 2, 4];
/** e_machine of elf.h. */
const machines: Record<Architecture, number> = { x64: 62, arm64: 183 };

/**
 * A static ELF executable (elf(5)): one page with the headers and the interpreter, read-only and executable, then the
 * program as writable data. It needs no loader and no library, so nothing of a container or of the host gets into it.
 * Both segments start on pages of 4 KiB: arm64 kernels with larger pages cannot load it.
 */
export function executable(architecture: Architecture, data: Buffer): Buffer {
  const code = interpreters[architecture]();
  const header = Buffer.alloc(PAGE);
  header.write('\x7fELF', 0, 'latin1');
  header[4] = 2; // 64 bits
  header[5] = 1; // little-endian
  header[6] = 1; // version
  header.writeUInt16LE(2, 16); // ET_EXEC
  header.writeUInt16LE(machines[architecture], 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(CODE_ADDRESS + CODE_OFFSET), 24); // entry
  header.writeBigUInt64LE(64n, 32); // program headers follow this header
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(3, 56);
  const used = CODE_OFFSET + code.length;
  writeSegment(header, 0, { type: PT_LOAD, flags: READ | EXECUTE, offset: 0, address: CODE_ADDRESS, size: used });
  writeSegment(header, 1, {
    type: PT_LOAD,
    flags: READ | WRITE,
    offset: PAGE,
    address: DATA_ADDRESS,
    size: data.length,
  });
  writeSegment(header, 2, { type: PT_GNU_STACK, flags: READ | WRITE, offset: 0, address: 0, size: 0 });
  code.copy(header, CODE_OFFSET);
  return Buffer.concat([header, data]);
}

interface Segment {
  type: number;
  flags: number;
  offset: number;
  address: number;
  size: number;
}

function writeSegment(header: Buffer, index: number, { type, flags, offset, address, size }: Segment): void {
  const at = 64 + 56 * index;
  header.writeUInt32LE(type, at);
  header.writeUInt32LE(flags, at + 4);
  for (const [position, value] of [offset, address, address, size, size, PAGE].entries())
    header.writeBigUInt64LE(BigInt(value), at + 8 + 8 * position);
}
