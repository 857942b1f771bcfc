import { and, argumentOffset, type Instruction, ifAtLeast, ifEqual, ifGreater, load } from './bpf.js';
import { type ArgumentTest, invalid } from './profile.js';

export interface TestPlace {
  /** How many instructions to skip, behind those of the test, when it does not hold. */
  skip: number;
  /**
   * How wide arguments are for the kernel. A 64-bit program that makes a 32-bit call (`int 0x80`) leaves what it likes in the
   * upper halves of its registers; filters see that, the call does not.
   */
  bits: 32 | 64;
}

/** Instructions that go on behind themselves when the test holds. The machine has 32 bits: wide arguments are looked at by halves. */
export function argumentTest(test: ArgumentTest, { skip, bits }: TestPlace): Instruction[] {
  if (!(test.index >= 0 && test.index <= 5)) throw invalid(`argument ${test.index} does not exist`);
  const low = argumentOffset(test.index);
  const value = halves(test.value);
  const upper = (...code: Instruction[]): Instruction[] => (bits === 64 ? [load(low + 4), ...code] : []);
  switch (test.op) {
    case 'SCMP_CMP_EQ':
      return [...upper(ifEqual(value.high, 0, skip + 2)), load(low), ifEqual(value.low, 0, skip)];
    case 'SCMP_CMP_NE':
      return [...upper(ifEqual(value.high, 0, 2)), load(low), ifEqual(value.low, skip, 0)];
    case 'SCMP_CMP_GT':
    case 'SCMP_CMP_GE':
      return ordered({ low, upper, value, orEqual: test.op === 'SCMP_CMP_GE', yes: 0, no: skip });
    case 'SCMP_CMP_LT':
    case 'SCMP_CMP_LE':
      return ordered({ low, upper, value, orEqual: test.op === 'SCMP_CMP_LT', yes: skip, no: 0 });
    case 'SCMP_CMP_MASKED_EQ': {
      // Bits that the mask does not have are passed over, as libseccomp does; taken literally such a test would never hold.
      const rest = halves(BigInt(test.value) & BigInt(test.valueTwo ?? 0));
      return [
        ...upper(and(value.high), ifEqual(rest.high, 0, skip + 3)),
        ...[load(low), and(value.low), ifEqual(rest.low, 0, skip)],
      ];
    }
    default:
      throw invalid(`unknown comparison ${String(test.op)}`);
  }
}

interface Order {
  low: number;
  /** These instructions on the upper half, if there is one. */
  upper: (...code: Instruction[]) => Instruction[];
  value: { low: number; high: number };
  /** Whether the equal value counts as greater. */
  orEqual: boolean;
  /** How far to skip, behind these instructions, when the argument is greater and when it is not. */
  yes: number;
  no: number;
}

function ordered({ low, upper, value, orEqual, yes, no }: Order): Instruction[] {
  const last = orEqual ? ifAtLeast(value.low, yes, no) : ifGreater(value.low, yes, no);
  return [...upper(ifGreater(value.high, yes + 3, 0), ifEqual(value.high, 0, no + 2)), load(low), last];
}

function halves(value: number | string | bigint): { low: number; high: number } {
  const bits = BigInt.asUintN(64, BigInt(value));
  return { low: Number(bits & 0xffffffffn), high: Number(bits >> 32n) };
}
