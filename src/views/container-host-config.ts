/** `HostConfig` of inspect: the options of the container under Docker's names. */
import type { ContainerRecord } from '../containers/container-record.js';
import { maskedPaths, readonlyPaths } from '../run/program/kernel-mounts.js';
import type { DeviceThrottle, RunOptions } from '../run/run-options.js';
import { mountsOf, networkModeOf, optionsOf } from './container-facts.js';

const list = (items: readonly string[] | undefined): readonly string[] | null =>
  items === undefined || items.length === 0 ? null : items;
const DEFAULT_SHM_SIZE = 64 * 1024 * 1024;

export function hostConfigOf(record: ContainerRecord): Record<string, unknown> {
  const options = optionsOf(record);
  const { name: policy = 'no', maximum = 0 } = record.restart ?? {};
  const binds = mountsOf(record).filter(({ type }) => type !== 'tmpfs');
  const tmpfs = (options.mounts ?? []).flatMap((mount) =>
    mount.type === 'tmpfs' ? [[mount.target, mount.options ?? '']] : [],
  );
  return {
    Binds: list(
      binds.map(({ name, source, target, readonly }) => `${name ?? source}:${target}${readonly ? ':ro' : ''}`),
    ),
    ContainerIDFile: '',
    LogConfig: { Type: options.logDriver ?? 'json-file', Config: logOptions(options) },
    NetworkMode: networkModeOf(record),
    PortBindings: {},
    RestartPolicy: { Name: policy, MaximumRetryCount: maximum },
    AutoRemove: record.autoRemove,
    VolumeDriver: '',
    VolumesFrom: null,
    CapAdd: list(options.capAdd),
    CapDrop: list(options.capDrop),
    CgroupnsMode: options.cgroupns ?? 'private',
    Dns: options.dns ?? [],
    DnsOptions: [],
    DnsSearch: options.dnsSearch ?? [],
    ExtraHosts: list(options.extraHosts),
    GroupAdd: list(options.groupAdd),
    Init: options.init ? true : null,
    IpcMode: options.ipc ?? 'private',
    Cgroup: '',
    Links: null,
    OomScoreAdj: options.oomScoreAdj ?? 0,
    PidMode: options.pid ?? '',
    Privileged: options.privileged ?? false,
    PublishAllPorts: false,
    ReadonlyRootfs: options.readonly ?? false,
    SecurityOpt: list(securityOptions(options)),
    Tmpfs: tmpfs.length > 0 ? Object.fromEntries(tmpfs) : null,
    UTSMode: options.uts ?? '',
    UsernsMode: '',
    ShmSize: options.shmSize || DEFAULT_SHM_SIZE,
    Sysctls: Object.keys(options.sysctls ?? {}).length > 0 ? options.sysctls : null,
    Runtime: options.runtime ?? 'tspull',
    ConsoleSize: [0, 0],
    Isolation: '',
    ...resources(options),
    MaskedPaths: options.privileged || options.unmaskedPaths ? null : maskedPaths(),
    ReadonlyPaths: options.privileged || options.unmaskedPaths ? null : readonlyPaths,
  };
}

function resources(options: RunOptions): Record<string, unknown> {
  const throttles = (kind: DeviceThrottle['kind']) =>
    (options.throttles ?? []).filter((one) => one.kind === kind).map(({ path, rate }) => ({ Path: path, Rate: rate }));
  const memory = options.memory ?? 0;
  const ulimits = (options.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft }));
  return {
    CpuShares: options.cpuShares ?? 0,
    Memory: memory,
    NanoCpus: Math.round((options.cpus ?? 0) * 1e9),
    CgroupParent: '',
    BlkioWeight: options.blkioWeight ?? 0,
    BlkioWeightDevice: (options.blkioWeightDevices ?? []).map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: throttles('read-bps'),
    BlkioDeviceWriteBps: throttles('write-bps'),
    BlkioDeviceReadIOps: throttles('read-iops'),
    BlkioDeviceWriteIOps: throttles('write-iops'),
    CpuPeriod: options.cpuPeriod ?? 0,
    CpuQuota: options.cpuQuota ?? 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: options.cpusetCpus ?? '',
    CpusetMems: options.cpusetMems ?? '',
    Devices: (options.devices ?? []).map(({ source, target, permissions }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: permissions,
    })),
    DeviceCgroupRules: list(options.deviceCgroupRules),
    DeviceRequests: null,
    KernelMemory: 0,
    KernelMemoryTCP: 0,
    MemoryReservation: options.memoryReservation ?? 0,
    // As much swap as memory, unless it is said.
    MemorySwap: options.memorySwap || 2 * memory,
    MemorySwappiness: options.memorySwappiness ?? null,
    OomKillDisable: options.oomKillDisable ?? false,
    PidsLimit: options.pidsLimit ?? null,
    Ulimits: ulimits,
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  };
}

function logOptions({ logMaxSize, logMaxFiles }: RunOptions): Record<string, string> {
  return {
    ...(logMaxFiles !== undefined && { 'max-file': String(logMaxFiles) }),
    ...(logMaxSize !== undefined && { 'max-size': String(logMaxSize) }),
  };
}

function securityOptions({ seccomp, apparmor, noNewPrivileges, unmaskedPaths }: RunOptions): string[] {
  return [
    ...(noNewPrivileges ? ['no-new-privileges'] : []),
    ...(seccomp === undefined ? [] : [`seccomp=${seccomp}`]),
    ...(apparmor === undefined ? [] : [`apparmor=${apparmor}`]),
    ...(unmaskedPaths ? ['systempaths=unconfined'] : []),
  ];
}
