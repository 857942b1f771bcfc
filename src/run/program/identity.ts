/**
 * Who the container's process is and what it may do. The order matters: groups before the user, since changing them needs
 * privileges; the filter before the last capabilities go, unless no_new_privs allows anybody to install one; limits and
 * bounding set while it is still allowed.
 */
import { capabilityNames } from '../spec/capabilities.js';
import type { Rlimit } from '../spec/rlimits.js';
import type { Identity } from '../spec/user.js';
import type { Program } from '../stage2/program.js';
import * as c from './constants.js';

export interface Privileges {
  identity: Identity;
  /** The mask that a process of root has, and the bounding set of all. */
  capabilities: bigint;
  /** Of this machine's kernel; there is nothing to drop above. */
  lastCapability: number;
  noNewPrivileges: boolean;
  /** An array of struct sock_filter. */
  filter: Buffer | undefined;
  rlimits: readonly Rlimit[];
}

const SYS_ADMIN = 1n << BigInt(capabilityNames.indexOf('CAP_SYS_ADMIN'));

/** All but what {@link addLastPrivileges} does, so that the working directory is entered as the user in between. */
export function addUser(program: Program, { identity, capabilities, lastCapability, rlimits }: Privileges): void {
  for (const { resource, soft, hard } of rlimits) {
    const limit = Buffer.alloc(16);
    limit.writeBigUInt64LE(soft, 0);
    limit.writeBigUInt64LE(hard, 8);
    program.call('prlimit64', [0, resource, program.bytes(limit), 0], `resource ${resource}`);
  }
  for (let number = 0; number <= lastCapability; number++)
    if ((capabilities & (1n << BigInt(number))) === 0n)
      program.call('prctl', [c.PR_CAPBSET_DROP, number, 0, 0, 0], capabilityNames[number] ?? `capability ${number}`);
  const groups = Buffer.alloc(4 * identity.groups.length);
  for (const [index, gid] of identity.groups.entries()) groups.writeUInt32LE(gid, 4 * index);
  program.call('setgroups', [identity.groups.length, program.bytes(groups)], identity.groups.join(','));
  program.call('setresgid', [identity.gid, identity.gid, identity.gid], String(identity.gid));
  program.call('prctl', [c.PR_SET_KEEPCAPS, 1, 0, 0, 0]);
  program.call('setresuid', [identity.uid, identity.uid, identity.uid], String(identity.uid));
}

export function addLastPrivileges(program: Program, privileges: Privileges): void {
  const { identity, capabilities, noNewPrivileges, filter } = privileges;
  // A user other than root keeps none, as after any setuid(2).
  const final = identity.uid === 0 ? capabilities : 0n;
  program.call('prctl', [c.PR_CAP_AMBIENT, c.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0], '', { ignore: true });
  if (noNewPrivileges) {
    program.call('prctl', [c.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0]);
    setCapabilities(program, final);
    addFilter(program, filter);
  } else {
    // setresuid emptied the effective set of a user other than root; installing a filter needs this one.
    if (identity.uid !== 0) setCapabilities(program, SYS_ADMIN);
    addFilter(program, filter);
    setCapabilities(program, final);
  }
}

function addFilter(program: Program, filter: Buffer | undefined): void {
  if (filter === undefined) return;
  const description = Buffer.alloc(16); // struct sock_fprog
  description.writeUInt16LE(filter.length / 8, 0);
  description.writeBigUInt64LE(BigInt(program.bytes(filter)), 8);
  program.call('seccomp', [c.SECCOMP_SET_MODE_FILTER, 0, program.bytes(description)], 'the filter');
}

/** struct __user_cap_header_struct of version 3 and two __user_cap_data_struct: effective, permitted, inheritable. */
function setCapabilities(program: Program, mask: bigint): void {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x20080522, 0);
  const data = Buffer.alloc(24);
  for (const [half, offset] of [mask & 0xffffffffn, mask >> 32n].map(
    (part, index) => [Number(part), 12 * index] as const,
  )) {
    data.writeUInt32LE(half, offset);
    data.writeUInt32LE(half, offset + 4);
  }
  program.call('capset', [program.bytes(header), program.bytes(data)]);
}
