/** The `config.json` of a container for an OCI runtime, with the fields and values that dockerd writes for the same flags. */

import { PARENT } from '../cgroup/container-cgroup.js';
import { defaultDeviceRules } from '../cgroup/device-rules.js';
import type { Limits } from '../cgroup/limits.js';
import { CPU_PERIOD } from '../cgroup/limits.js';
import { maskedPaths, readonlyPaths } from '../program/kernel-mounts.js';
import type { HostMount } from '../run-options.js';
import { capabilityNames } from '../spec/capabilities.js';
import type { ContainerSpec } from '../spec/container-spec.js';
import { resources } from '../spec/rlimits.js';
import { networkDefaults } from '../spec/sysctls.js';
import type { Identity } from '../spec/user.js';
import { machineWords } from './machine-words.js';
import { ociSeccomp } from './seccomp.js';

export interface BundleRequest {
  spec: ContainerSpec;
  identity: Identity;
  /** Relative to the bundle. */
  rootfs: string;
  /** All mounts but those of the kernel's file systems. */
  mounts: readonly HostMount[];
  /** Paths of namespaces to join, by the spec's name. */
  joined: Readonly<Record<string, string>>;
}

export function bundleConfig(request: BundleRequest): object {
  const { spec, rootfs } = request;
  return {
    ociVersion: '1.0.2',
    process: processOf(request),
    root: { path: rootfs, ...(spec.readonly && { readonly: true }) },
    ...(spec.own.uts && { hostname: spec.hostname }),
    ...(spec.own.uts && spec.domainname !== undefined && { domainname: spec.domainname }),
    mounts: [...kernelMounts(spec), ...request.mounts.map(ociMount)],
    linux: {
      sysctl: sysctlsOf(spec),
      resources: { devices: deviceCgroup(spec), ...limitsOf(spec.limits) },
      cgroupsPath: `/${PARENT}/${spec.id}`,
      namespaces: namespacesOf(request),
      ...(spec.devices.length > 0 && { devices: spec.devices.map(deviceOf) }),
      ...(spec.seccomp !== 'unconfined' && { seccomp: ociSeccomp(spec) }),
      ...(!spec.unmaskedPaths && { maskedPaths: [...maskedPaths()], readonlyPaths: [...readonlyPaths] }),
    },
  };
}

function processOf({ spec, identity }: BundleRequest): object {
  const bounding = capabilityNames.filter((_, bit) => (spec.capabilities & (1n << BigInt(bit))) !== 0n);
  const isRoot = identity.uid === 0;
  return {
    ...(spec.tty && { terminal: true }),
    user: { uid: identity.uid, gid: identity.gid, additionalGids: identity.groups },
    args: spec.argv,
    // The runtime adds HOME.
    env: spec.env,
    cwd: spec.workdir,
    capabilities: { bounding, ...(isRoot && { effective: bounding, permitted: bounding }) },
    rlimits: spec.rlimits.map(({ resource, soft, hard }) => ({
      type: `RLIMIT_${(Object.keys(resources).find((name) => resources[name] === resource) ?? '').toUpperCase()}`,
      hard: machineWords(hard),
      soft: machineWords(soft),
    })),
    ...(spec.noNewPrivileges && { noNewPrivileges: true }),
    ...(spec.apparmor !== undefined && { apparmorProfile: spec.apparmor }),
    oomScoreAdj: spec.oomScoreAdj ?? 0,
  };
}

const strict = ['nosuid', 'noexec', 'nodev'];

interface OciMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

function kernelMounts(spec: ContainerSpec): OciMount[] {
  const readonly = spec.privileged ? [] : ['ro'];
  const mount = (destination: string, type: string, source: string, options: string[]): OciMount => ({
    destination,
    type,
    source,
    options,
  });
  const own = spec.own.ipc
    ? [mount('/dev/shm', 'tmpfs', 'shm', [...strict, 'mode=1777', `size=${spec.shmSize}`])]
    : [mount('/dev/shm', 'bind', '/dev/shm', ['rbind', 'rprivate'])];
  return [
    mount('/proc', 'proc', 'proc', strict),
    mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    mount('/sys', 'sysfs', 'sysfs', [...strict, ...readonly]),
    mount('/sys/fs/cgroup', 'cgroup', 'cgroup', [...readonly, ...strict]),
    mount('/dev/mqueue', 'mqueue', 'mqueue', strict),
    ...own,
  ];
}

function ociMount(request: HostMount): OciMount {
  const { target: destination } = request;
  if (request.type === 'tmpfs') {
    const given = (request.options ?? '').split(',').filter(Boolean);
    const options = ['noexec', 'nosuid', 'nodev'].filter((name) => !given.includes(name.slice(2)));
    return { destination, type: 'tmpfs', source: 'tmpfs', options: [...options, 'rprivate', ...given] };
  }
  const { source, readonly, nonRecursive, propagation = 'rprivate' } = request;
  const options = [nonRecursive ? 'bind' : 'rbind', ...(readonly ? ['ro'] : []), propagation];
  return { destination, type: 'bind', source, options };
}

/** dockerd lets any user of a network of its own use low ports and ping. */
function sysctlsOf(spec: ContainerSpec): Record<string, string> {
  const asked = spec.sysctls.map(({ path, value }) => [path.replaceAll('/', '.'), value]);
  return { ...(spec.own.network && networkDefaults), ...Object.fromEntries(asked) };
}

/** dockerd's list. The runtime allows the other devices that every container has, and to make any, by itself. */
function deviceCgroup({ deviceRules }: ContainerSpec): object[] {
  if (deviceRules === undefined) return [{ allow: true, access: 'rwm' }];
  const rule = (allow: boolean, major: number, minor: number): object => ({
    allow,
    type: 'c',
    major,
    minor,
    access: 'rwm',
  });
  const usual = [
    [1, 5],
    [1, 3],
    [1, 9],
    [1, 8],
    [5, 0],
    [5, 1],
  ].map(([major = 0, minor = 0]) => rule(true, major, minor));
  const asked = deviceRules
    .slice(defaultDeviceRules.length)
    .map((it) => ({ allow: true, major: -1, minor: -1, ...it }));
  // /dev/fuse
  return [{ allow: false, access: 'rwm' }, ...usual, rule(false, 10, 229), ...asked];
}

function limitsOf(limits: Limits): object {
  const total = limits.memorySwap ?? (limits.memory === undefined ? undefined : 2 * limits.memory);
  const memory = {
    ...(limits.memory !== undefined && { limit: limits.memory }),
    ...(total !== undefined && { swap: total }),
    ...(limits.memoryReservation !== undefined && { reservation: limits.memoryReservation }),
    ...(limits.memorySwappiness !== undefined && { swappiness: limits.memorySwappiness }),
    disableOOMKiller: limits.oomKillDisable ?? false,
  };
  const cpu = {
    ...(limits.cpuShares !== undefined && { shares: limits.cpuShares }),
    ...(limits.cpuQuota !== undefined && { quota: limits.cpuQuota, period: limits.cpuPeriod ?? CPU_PERIOD }),
    ...(limits.cpuPeriod !== undefined && { period: limits.cpuPeriod }),
    ...(limits.cpus !== undefined && { cpus: limits.cpus }),
    ...(limits.mems !== undefined && { mems: limits.mems }),
  };
  const hugetlb = Object.entries(limits.hugetlb ?? {}).map(([pageSize, limit]) => ({ pageSize, limit }));
  return {
    memory,
    cpu,
    ...(limits.pids !== undefined && { pids: { limit: limits.pids } }),
    blockIO: blockIo(limits),
    ...(hugetlb.length > 0 && { hugepageLimits: hugetlb }),
  };
}

const throttleNames = {
  'read-bps': 'throttleReadBpsDevice',
  'write-bps': 'throttleWriteBpsDevice',
  'read-iops': 'throttleReadIOPSDevice',
  'write-iops': 'throttleWriteIOPSDevice',
};

function blockIo({ blkioWeight, blkioWeightDevices = [], throttles = [] }: Limits): object {
  const numbers = (device: string): { major: number; minor: number } => {
    const [major = 0, minor = 0] = device.split(':').map(Number);
    return { major, minor };
  };
  const result: Record<string, object[] | number> = {};
  if (blkioWeight !== undefined) result['weight'] = blkioWeight;
  if (blkioWeightDevices.length > 0)
    result['weightDevice'] = blkioWeightDevices.map(({ device, value }) => ({ ...numbers(device), weight: value }));
  for (const [kind, name] of Object.entries(throttleNames)) {
    const list = throttles.filter((it) => it.kind === kind);
    if (list.length > 0) result[name] = list.map(({ device, value }) => ({ ...numbers(device), rate: value }));
  }
  return result;
}

function namespacesOf({ spec: { own }, joined }: BundleRequest): object[] {
  const kinds = { network: own.network, uts: own.uts, pid: own.pid, ipc: own.ipc, cgroup: own.cgroup };
  const list = Object.entries(kinds).flatMap(([type, isOwn]) => {
    const path = joined[type];
    if (path !== undefined) return [{ type, path }];
    return isOwn ? [{ type }] : [];
  });
  return [{ type: 'mount' }, ...list];
}

function deviceOf({ path, type, major, minor, mode, uid, gid }: ContainerSpec['devices'][number]): object {
  return { path, type, major, minor, fileMode: mode, uid, gid };
}
