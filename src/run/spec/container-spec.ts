/** Everything about one container, decided from the image, the options and the machine, before anything is made. */
import { isAbsolute, posix } from 'node:path';
import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import { type DeviceRule, defaultDeviceRules, parseDeviceRule } from '../cgroup/device-rules.js';
import { containerLimits, type Limits } from '../cgroup/limits.js';
import type { HostMount, ImageRunConfig, RunOptions } from '../run-options.js';
import { appArmorProfile } from './apparmor.js';
import { capabilityMask, hasCapability, missingPrivileges } from './capabilities.js';
import { containerCommand } from './command.js';
import { type DeviceNode, hostDevices, requestedDevices } from './devices.js';
import { containerEnvironment, variable } from './environment.js';
import type { HostFacts } from './host-facts.js';
import { hostsFile, hostsFileOfHost, resolvConf } from './network-files.js';
import { containerRlimits, type Rlimit } from './rlimits.js';
import { containerSysctls, type Sysctl } from './sysctls.js';

export interface ContainerSpec {
  id: string;
  argv: string[];
  /** Without HOME, which the root's passwd file decides. */
  env: string[];
  user: string;
  groupAdd: string[];
  /** Absolute. */
  workdir: string;
  hostname: string;
  domainname: string | undefined;
  /** Which namespaces are the container's own; the mount namespace always is. */
  own: { pid: boolean; network: boolean; ipc: boolean; uts: boolean; cgroup: boolean };
  /** Without volumes, whose places in the data root are known at the start. */
  mounts: HostMount[];
  readonly: boolean;
  shmSize: number;
  capabilities: bigint;
  noNewPrivileges: boolean;
  /** A profile in Docker's format, `unconfined`, or undefined for Docker's own. */
  seccomp: string | undefined;
  /** A profile to change to; undefined for none. */
  apparmor: string | undefined;
  /** Whose ranges of ids it has, in a user namespace of its own. */
  userns: string | undefined;
  /** Whether the kernel's files that tell about the host stay as they are. */
  unmaskedPaths: boolean;
  rlimits: Rlimit[];
  sysctls: Sysctl[];
  devices: DeviceNode[];
  /** Undefined for no restriction. */
  deviceRules: readonly DeviceRule[] | undefined;
  limits: Limits;
  privileged: boolean;
  init: boolean;
  tty: boolean;
  interactive: boolean;
  oomScoreAdj: number | undefined;
  files: { hostname: string; hosts: string; resolvConf: string };
  warnings: string[];
}

const DEFAULT_SHM_SIZE = 64 * 1024 * 1024;
/** The kernel's limit, uname(2). */
const HOSTNAME_MAX = 64;

export function containerSpec(
  id: string,
  from: { image: ImageRunConfig; command: readonly string[]; options: RunOptions; host: HostFacts },
): ContainerSpec {
  const { image, options, host } = from;
  const privileged = options.privileged ?? false;
  const own = {
    pid: isOwn(options.pid),
    network: isOwn(options.network),
    ipc: isOwn(options.ipc),
    uts: isOwn(options.uts),
    cgroup: options.cgroupns !== 'host',
  };
  const hostname = containerHostname(id, options, own, host);
  const tty = options.tty ?? false;
  const limit = containerRlimits(
    options.ulimits ?? [],
    host.hardLimit,
    hasCapability(host.capabilities, 'CAP_SYS_RESOURCE'),
  );
  const asked = requestedDevices(options.devices ?? []);
  const capabilities = capabilityMask({
    add: options.capAdd ?? [],
    drop: options.capDrop ?? [],
    privileged,
    available: host.capabilities,
  });
  return {
    id,
    argv: containerCommand(image, from.command, options.entrypoint),
    env: containerEnvironment({ image: image.Env ?? [], options: options.env ?? [], hostname, tty }),
    user: options.user || image.User || '',
    groupAdd: options.groupAdd ?? [],
    workdir: containerWorkdir(options.workdir, image.WorkingDir),
    hostname,
    domainname: options.domainname,
    own,
    mounts: (options.mounts ?? []).filter((mount) => mount.type !== 'volume'),
    readonly: options.readonly ?? false,
    shmSize: options.shmSize || DEFAULT_SHM_SIZE,
    capabilities,
    noNewPrivileges: options.noNewPrivileges ?? false,
    seccomp: privileged ? 'unconfined' : options.seccomp,
    apparmor: privileged ? undefined : appArmorProfile(options.apparmor),
    userns: options.userns === 'host' ? undefined : options.userns || undefined,
    unmaskedPaths: privileged || (options.unmaskedPaths ?? false),
    rlimits: limit.rlimits,
    sysctls: containerSysctls(options.sysctls ?? {}, own),
    devices: privileged ? hostDevices() : asked.nodes,
    deviceRules: privileged
      ? undefined
      : [...defaultDeviceRules, ...asked.rules, ...(options.deviceCgroupRules ?? []).map(parseDeviceRule)],
    limits: containerLimits(options, host),
    privileged,
    init: options.init ?? false,
    tty,
    interactive: options.interactive ?? false,
    oomScoreAdj: checkScore(options.oomScoreAdj),
    files: networkFiles(hostname, options, own.network, host),
    warnings: [...limit.warnings, ...(privileged ? missingPrivileges(host.capabilities) : [])],
  };
}

/** Neither the host's nor that of another container. */
function isOwn(option: string | undefined): boolean {
  return option !== 'host' && !option?.startsWith('container:');
}

function containerHostname(id: string, options: RunOptions, own: ContainerSpec['own'], host: HostFacts): string {
  if (options.hostname !== undefined && options.hostname !== '') {
    if (!own.uts) throw usage('conflicting options: hostname and the UTS mode');
    if (Buffer.byteLength(options.hostname) > HOSTNAME_MAX)
      throw usage(`the host name "${printable(options.hostname)}" is longer than ${HOSTNAME_MAX} bytes`);
    return options.hostname;
  }
  return own.uts && own.network ? id.slice(0, 12) : host.hostname;
}

function containerWorkdir(wanted: string | undefined, image: string | null | undefined): string {
  const workdir = wanted || image || '/';
  if (!isAbsolute(workdir)) {
    if (wanted)
      throw usage(`the working directory '${printable(workdir)}' is invalid, it needs to be an absolute path`);
    return posix.join('/', workdir);
  }
  return posix.normalize(workdir);
}

function networkFiles(
  hostname: string,
  options: RunOptions,
  ownNetwork: boolean,
  host: HostFacts,
): ContainerSpec['files'] {
  const extra = options.extraHosts ?? [];
  const wanted = { dns: options.dns ?? [], search: options.dnsSearch ?? [], hostNetwork: !ownNetwork };
  return {
    hostname: `${hostname}\n`,
    hosts: ownNetwork ? hostsFile(extra) : hostsFileOfHost(host.hosts, extra),
    resolvConf: resolvConf(host.resolvConf, wanted),
  };
}

function checkScore(score: number | undefined): number | undefined {
  if (score === undefined || score === 0) return undefined;
  if (score >= -1000 && score <= 1000) return score;
  throw usage(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
}

/** Where commands without a slash are looked for. */
export function searchPath(spec: Pick<ContainerSpec, 'env'>): string[] {
  return (variable(spec.env, 'PATH') ?? '').split(':').map((folder) => (folder === '' ? '.' : folder));
}

function usage(message: string): KnownError {
  return new KnownError('E_USAGE', message, { exitCode: 125 });
}
