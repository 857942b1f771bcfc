import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';

/** Names in the order of their numbers, linux/capability.h. */
export const capabilityNames = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
  SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
  MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

/** CAP_AUDIT_READ of Linux 3.16; later ones need not be there. */
const LAST_OLD = 37;

/** What Docker grants without being asked: the mask a80425fb. */
const defaults = `
  CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE
`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

export interface CapabilityWish {
  add: readonly string[];
  drop: readonly string[];
  privileged: boolean;
  /** A mask of those that this process could grant at all. */
  available: bigint;
}

/** The mask of the capabilities of a container, by Docker's rules. `ALL` stands for every one that is available. */
export function capabilityMask(wish: CapabilityWish): bigint {
  const add = wish.add.map((name) => normalize(name, 'CapAdd'));
  const drop = wish.drop.map((name) => normalize(name, 'CapDrop'));
  if (wish.privileged) return wish.available;
  const all = add.includes('ALL');
  let mask = all ? wish.available : drop.includes('ALL') ? 0n : maskOf(defaults);
  if (!drop.includes('ALL') || all) mask &= ~maskOf(drop);
  const wanted = mask | maskOf(add);
  const lacking = capabilityNames.find((_, bit) => (maskOf(add) & ~wish.available & (1n << BigInt(bit))) !== 0n);
  if (lacking !== undefined)
    throw new KnownError('E_PERMISSION', `cannot grant ${lacking}: this process does not have it`, { exitCode: 125 });
  return wanted & wish.available;
}

/** What a privileged container should have and cannot get here. */
export function missingPrivileges(available: bigint): string[] {
  const lacking = capabilityNames.filter((_, bit) => bit <= LAST_OLD && (available & (1n << BigInt(bit))) === 0n);
  if (lacking.length === 0) return [];
  return [`this process lacks ${lacking.join(', ')}: the container is privileged without`];
}

export function hasCapability(mask: bigint, name: string): boolean {
  return (mask & maskOf([name])) !== 0n;
}

function maskOf(names: readonly string[]): bigint {
  return names.reduce(
    (mask, name) => (name === 'ALL' ? mask : mask | (1n << BigInt(capabilityNames.indexOf(name)))),
    0n,
  );
}

function normalize(name: string, what: string): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL';
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (capabilityNames.includes(full)) return full;
  throw new KnownError('E_USAGE', `invalid ${what}: unknown capability: "${printable(full)}"`, { exitCode: 125 });
}
