/** Flags about block devices and huge pages. */
import { printable } from '../../store/printable.js';
import type { DeviceThrottle, DeviceWeight, RunOptions } from '../run/run-options.js';
import { invalidArgument, type ParsedFlags } from './run-flag-parser.js';
import { integerFlag, sizeFlag } from './run-size-flag.js';

const throttles = ['read-bps', 'write-bps', 'read-iops', 'write-iops'] as const;

export function ioFlags(
  flags: ParsedFlags,
): Pick<RunOptions, 'blkioWeight' | 'blkioWeightDevices' | 'throttles' | 'hugetlb'> {
  const weight = integerFlag(flags.last('blkio-weight'), '--blkio-weight');
  return {
    ...(weight !== undefined && { blkioWeight: weight }),
    blkioWeightDevices: flags.all('blkio-weight-device').map(weightFlag),
    throttles: throttles.flatMap((kind) => flags.all(`device-${kind}`).map((text) => throttleFlag(text, kind))),
    hugetlb: Object.fromEntries(flags.all('hugetlb').map(hugetlbFlag)),
  };
}

/** `PATH:VALUE`; the path begins with /dev/. */
function devicePair(text: string, flag: string): [path: string, value: string] {
  const [path = '', value, ...more] = text.split(':');
  if (value === undefined || value === '' || more.length > 0)
    throw invalidArgument(text, flag, `bad format: ${printable(text)}`);
  if (!path.startsWith('/dev/')) throw invalidArgument(text, flag, `bad format for device path: ${printable(text)}`);
  return [path, value];
}

function weightFlag(text: string): DeviceWeight {
  const [path, value] = devicePair(text, '--blkio-weight-device');
  const weight = integerFlag(value, '--blkio-weight-device') ?? 0;
  if (weight !== 0 && (weight < 10 || weight > 1000))
    throw invalidArgument(text, '--blkio-weight-device', `invalid weight for device: ${printable(text)}`);
  return { path, weight };
}

function throttleFlag(text: string, kind: DeviceThrottle['kind']): DeviceThrottle {
  const flag = `--device-${kind}`;
  const [path, value] = devicePair(text, flag);
  const isSize = kind.endsWith('bps');
  if (!(isSize ? /^\d+ ?[kmgtp]?(i?b)?$/i : /^\d{1,15}$/).test(value)) {
    const format = isSize
      ? '<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb'
      : '<device-path>:<number>. Number must be a positive integer';
    const reason = `invalid rate for device: ${printable(text)}. The correct format is ${format}`;
    throw invalidArgument(text, flag, reason);
  }
  const rate = isSize ? (sizeFlag(value, flag) ?? 0) : Number(value);
  return { path, kind, rate };
}

/** `2MB=64m` */
function hugetlbFlag(text: string): [size: string, bytes: number] {
  const [size = '', value] = text.split('=');
  const bytes = sizeFlag(value, '--hugetlb');
  if (bytes === undefined) throw invalidArgument(text, '--hugetlb', `bad format: ${printable(text)}`);
  return [size, bytes];
}
