import { release } from 'node:os';
import type { Architecture } from '../stage2/code.js';
import { arm64Calls } from './calls-arm64.js';
import { i386Calls } from './calls-i386.js';
import { x8664Calls } from './calls-x86-64.js';
import { type CallTable, compileProfile } from './compile.js';
import { defaultProfile } from './default-profile.js';
import { parseProfile } from './profile.js';

/** AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64 of linux/audit.h. */
const tables: Record<Architecture, CallTable[]> = {
  x64: [
    { architecture: 0xc000003e, bits: 64, calls: x8664Calls },
    { architecture: 0x40000003, bits: 32, calls: i386Calls },
  ],
  arm64: [{ architecture: 0xc00000b7, bits: 64, calls: arm64Calls }],
};

/**
 * The filter of a container: an array of struct sock_filter.
 *
 * @param profile a profile in Docker's format, or undefined for Docker's own
 */
export function seccompFilter(
  profile: string | undefined,
  architecture: Architecture,
  capabilities: (name: string) => boolean,
): Buffer {
  return compileProfile(profile === undefined ? defaultProfile() : parseProfile(profile), tables[architecture], {
    capabilities,
    architecture: architecture === 'x64' ? 'amd64' : 'arm64',
    kernel: release(),
  });
}
