import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';

/** Which devices a container may make and open. What no rule names is refused. */
export interface DeviceRule {
  type: 'a' | 'b' | 'c';
  /** Undefined for all. */
  major?: number;
  minor?: number;
  /** Of `r`, `w`, `m` (mknod). */
  access: string;
}

/** Docker's list: any device may be made, and the harmless ones used. */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { type: 'c', access: 'm' },
  { type: 'b', access: 'm' },
  ...[
    [1, 3], // null
    [1, 5], // zero
    [1, 7], // full
    [1, 8], // random
    [1, 9], // urandom
    [5, 0], // tty
    [5, 1], // console
    [5, 2], // ptmx
  ].map(([major = 0, minor = 0]): DeviceRule => ({ type: 'c', major, minor, access: 'rwm' })),
  { type: 'c', major: 136, access: 'rwm' }, // /dev/pts
];

/** `c 42:* rmw`: type, major and minor number or `*`, accesses. @throws KnownError E_USAGE */
export function parseDeviceRule(text: string): DeviceRule {
  const [, type, major, minor, access] = /^([abc]) (\d{1,7}|\*):(\d{1,7}|\*) ([rwm]{1,3})$/.exec(text) ?? [];
  if (access === undefined)
    throw new KnownError('E_USAGE', `invalid device cgroup format '${printable(text)}'`, { exitCode: 125 });
  const rule: DeviceRule = { type: type as DeviceRule['type'], access };
  if (major !== '*') rule.major = Number(major);
  if (minor !== '*') rule.minor = Number(minor);
  return rule;
}
