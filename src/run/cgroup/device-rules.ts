/** Which devices a container may make and open. Later rules win; what no rule names is refused. */
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
