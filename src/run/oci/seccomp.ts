import { release } from 'node:os';
import { defaultProfile } from '../seccomp/default-profile.js';
import { applicableRules, parseProfile } from '../seccomp/profile.js';
import { hasCapability } from '../spec/capabilities.js';
import type { ContainerSpec } from '../spec/container-spec.js';
import { machineWords } from './machine-words.js';

const architectures: Record<string, readonly string[]> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** The policy for a runtime: rules that do not hold for this container are left out, as dockerd does. */
export function ociSeccomp({ seccomp, capabilities }: ContainerSpec): object {
  const profile = seccomp === undefined ? defaultProfile() : parseProfile(seccomp);
  const rules = applicableRules(profile, {
    capabilities: (name) => hasCapability(capabilities, name),
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    kernel: release(),
  });
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: architectures[process.arch],
    syscalls: rules.map(({ names, action, errnoRet, args }) => ({
      names,
      action,
      ...(errnoRet !== undefined && { errnoRet }),
      ...(args?.length && {
        args: args.map(({ index, value, valueTwo = 0, op }) => ({
          index,
          value: machineWords(String(value)),
          valueTwo: machineWords(String(valueTwo)),
          op,
        })),
      }),
    })),
  };
}
