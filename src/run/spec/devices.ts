import { readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import type { DeviceRule } from '../cgroup/device-rules.js';
import type { DeviceRequest } from '../run-options.js';

/** A device to make in a container's /dev. */
export interface DeviceNode {
  /** Absolute, below /dev. */
  path: string;
  /** Where the host has it, if elsewhere. */
  source?: string;
  type: 'b' | 'c';
  major: number;
  minor: number;
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
}

/** Looks the devices of `--device` up on the host; a directory stands for the devices in it. */
export function requestedDevices(requests: readonly DeviceRequest[]): { nodes: DeviceNode[]; rules: DeviceRule[] } {
  const nodes: DeviceNode[] = [];
  const rules: DeviceRule[] = [];
  for (const { source, target, permissions } of requests)
    for (const node of devicesAt(source, target)) {
      nodes.push(node);
      rules.push({ type: node.type, major: node.major, minor: node.minor, access: permissions });
    }
  return { nodes, rules };
}

function devicesAt(source: string, target: string): DeviceNode[] {
  const found = statOf(source);
  if (found.isDirectory()) {
    const inside = readdirSync(source).flatMap((name) => {
      const stats = statOf(join(source, name));
      return isDevice(stats) ? [nodeOf(join(target, name), stats, join(source, name))] : [];
    });
    if (inside.length > 0) return inside;
  }
  if (isDevice(found)) return [nodeOf(target, found, source)];
  throw failure(source, 'not a device node');
}

/** Everything in the host's /dev, for a privileged container, except what containers have of their own. */
export function hostDevices(folder = '/dev'): DeviceNode[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return ['pts', 'shm', 'mqueue', 'fd', '.lxc'].includes(entry.name) ? [] : hostDevices(path);
    if (path === '/dev/console' || !(entry.isCharacterDevice() || entry.isBlockDevice())) return [];
    return [nodeOf(path, statSync(path), path)];
  });
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw failure(path, 'no such file or directory');
    throw error;
  }
}

const isDevice = (stats: Stats): boolean => stats.isCharacterDevice() || stats.isBlockDevice();

/** Parts of the kernel's 64-bit device number (sys/sysmacros.h). */
export const majorOf = (device: number): number =>
  Number(((BigInt(device) >> 8n) & 0xfffn) | ((BigInt(device) >> 32n) & ~0xfffn));
export const minorOf = (device: number): number =>
  Number((BigInt(device) & 0xffn) | ((BigInt(device) >> 12n) & ~0xffn & 0xffffffffn));

function nodeOf(path: string, stats: Stats, source: string): DeviceNode {
  const [major, minor] = [majorOf(stats.rdev), minorOf(stats.rdev)];
  const type = stats.isBlockDevice() ? 'b' : 'c';
  return { path, source, type, major, minor, mode: stats.mode & 0o777, uid: stats.uid, gid: stats.gid };
}

function failure(path: string, reason: string): KnownError {
  const what = `error gathering device information while adding custom device "${printable(path)}": ${reason}`;
  return new KnownError('E_RUN', what, { exitCode: reason.startsWith('no such') ? 127 : 125 });
}
