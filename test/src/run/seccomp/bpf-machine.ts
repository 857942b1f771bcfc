/** Interprets classic BPF as the kernel does for seccomp. Returns the action. */
export function runFilter(filter: Buffer, data: Buffer): number {
  let accumulator = 0;
  for (let pc = 0; ; pc++) {
    const [code, ifTrue, ifFalse] = [
      filter.readUInt16LE(8 * pc),
      filter.readUInt8(8 * pc + 2),
      filter.readUInt8(8 * pc + 3),
    ];
    const value = filter.readUInt32LE(8 * pc + 4);
    const jump = (holds: boolean): void => {
      pc += holds ? ifTrue : ifFalse;
    };
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x54) accumulator = (accumulator & value) >>> 0;
    else if (code === 0x05) pc += value;
    else if (code === 0x15) jump(accumulator === value);
    else if (code === 0x25) jump(accumulator > value);
    else if (code === 0x35) jump(accumulator >= value);
    else if (code === 0x06) return value;
    else throw new Error(`unknown instruction ${code.toString(16)}`);
  }
}

/** struct seccomp_data. */
export function callData(architecture: number, number: number, args: readonly bigint[]): Buffer {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(architecture, 4);
  for (const [index, arg] of args.entries()) data.writeBigUInt64LE(BigInt.asUintN(64, arg), 16 + 8 * index);
  return data;
}
