import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isErrno } from '../../../store/errors.js';
import { INFINITE } from './rlimits.js';

/** What a run needs to know of the machine. */
export interface HostFacts {
  hostname: string;
  hosts: string;
  resolvConf: string;
  /** A list like `0-3,8`. */
  onlineCpus: string;
  onlineMems: () => string;
  /** Capabilities that this process has and may hand on. */
  capabilities: bigint;
  /** The hard limit of a resource, numbered as in asm-generic/resource.h. */
  hardLimit: (resource: number) => bigint;
}

export function hostFacts(): HostFacts {
  const status = readFileSync('/proc/self/status', 'latin1');
  const mask = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  return {
    hostname: hostname(),
    hosts: textOf('/etc/hosts'),
    resolvConf: textOf('/etc/resolv.conf'),
    onlineCpus: textOf('/sys/devices/system/cpu/online').trim() || '0',
    onlineMems: () => textOf('/sys/devices/system/node/online').trim() || '0',
    capabilities: mask('CapPrm') & mask('CapBnd'),
    hardLimit: hardLimits(textOf('/proc/self/limits')),
  };
}

/** The order of the lines of /proc/self/limits, as numbers of resources (fs/proc/base.c). */
const limitLines = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

function hardLimits(text: string): (resource: number) => bigint {
  const values = text
    .split('\n')
    .slice(1)
    .map((line) => line.slice(26).trim().split(/\s+/)[1] ?? 'unlimited');
  return (resource) => {
    const value = values[limitLines.indexOf(resource)] ?? 'unlimited';
    return value === 'unlimited' ? INFINITE : BigInt(value);
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return '';
    throw error;
  }
}
