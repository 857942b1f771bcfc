/** From flags to the options of the library. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isErrno } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { DeviceRequest, OfContainer, RunOptions, Ulimit } from '../run/run-options.js';
import { environmentFlags } from './run-env-flags.js';
import { invalidArgument, type ParsedFlags, usage } from './run-flag-parser.js';
import { ioFlags } from './run-io-flags.js';
import { mountFlag, tmpfsFlag, volumeFlag } from './run-mount-flags.js';
import { integerFlag, sizeFlag } from './run-size-flag.js';

export function optionsFromFlags(flags: ParsedFlags, caller: NodeJS.ProcessEnv): RunOptions {
  const options: { [Key in keyof RunOptions]: RunOptions[Key] | undefined } = {
    name: flags.last('name') || undefined,
    runtime: flags.last('runtime') || undefined,
    autoRemove: flags.has('rm'),
    interactive: flags.has('interactive'),
    tty: flags.has('tty'),
    entrypoint: entrypointFlag(flags.last('entrypoint')),
    env: environmentFlags(flags.all('env-file'), flags.all('env'), caller),
    workdir: flags.last('workdir'),
    user: flags.last('user'),
    groupAdd: flags.all('group-add'),
    hostname: flags.last('hostname'),
    domainname: flags.last('domainname'),
    mounts: [
      ...flags.all('volume').map(volumeFlag),
      ...flags.all('mount').map(mountFlag),
      ...flags.all('tmpfs').map(tmpfsFlag),
    ],
    volumesFrom: flags.all('volumes-from'),
    readonly: flags.has('read-only'),
    shmSize: sizeFlag(flags.last('shm-size'), '--shm-size'),
    network: networkFlag(flags.last('network') ?? flags.last('net')),
    pid: namespaceFlag(flags.last('pid'), 'PID'),
    ipc: ipcFlag(flags.last('ipc')),
    uts: namespaceFlag(flags.last('uts'), 'UTS'),
    cgroupns: cgroupnsFlag(flags.last('cgroupns')),
    userns: flags.last('userns') || undefined,
    memory: sizeFlag(flags.last('memory'), '-m, --memory'),
    memorySwap: sizeFlag(flags.last('memory-swap'), '--memory-swap', true),
    memoryReservation: sizeFlag(flags.last('memory-reservation'), '--memory-reservation'),
    memorySwappiness: integerFlag(flags.last('memory-swappiness'), '--memory-swappiness'),
    oomKillDisable: flags.has('oom-kill-disable'),
    cpus: cpusFlag(flags.last('cpus')),
    cpuQuota: integerFlag(flags.last('cpu-quota'), '--cpu-quota'),
    cpuPeriod: integerFlag(flags.last('cpu-period'), '--cpu-period'),
    cpuShares: integerFlag(flags.last('cpu-shares'), '-c, --cpu-shares'),
    cpusetCpus: flags.last('cpuset-cpus'),
    cpusetMems: flags.last('cpuset-mems'),
    pidsLimit: integerFlag(flags.last('pids-limit'), '--pids-limit'),
    ...ioFlags(flags),
    ulimits: flags.all('ulimit').map(ulimitFlag),
    capAdd: flags.all('cap-add'),
    capDrop: flags.all('cap-drop'),
    devices: flags.all('device').map(deviceFlag),
    deviceCgroupRules: flags.all('device-cgroup-rule'),
    sysctls: Object.fromEntries(flags.all('sysctl').map((entry) => pair(entry))),
    init: flags.has('init'),
    stopSignal: signalFlag(flags.last('stop-signal')),
    extraHosts: flags.all('add-host').map(hostEntryFlag),
    dns: flags.all('dns').map(addressFlag),
    dnsSearch: flags.all('dns-search'),
    labels: Object.fromEntries(flags.all('label').map((entry) => pair(entry))),
    oomScoreAdj: integerFlag(flags.last('oom-score-adj'), '--oom-score-adj'),
    privileged: flags.has('privileged'),
    ...securityFlags(flags.all('security-opt')),
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as RunOptions;
}

function entrypointFlag(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  return text === '' ? [] : [text];
}

function pair(entry: string): [string, string] {
  const [name = '', ...value] = entry.split('=');
  return [name, value.join('=')];
}

function networkFlag(name: string | undefined): RunOptions['network'] {
  if (name === undefined || name === 'none' || name === 'host' || isOfContainer(name)) return name;
  if (name === 'bridge' || name === 'default')
    throw usage(`network ${name} is not supported: only none, host and container:NAME are in this version`);
  throw usage(`network ${printable(name)} not found`);
}

function namespaceFlag(text: string | undefined, what: string): 'host' | OfContainer | undefined {
  if (text === undefined || text === '') return undefined;
  if (text === 'host' || isOfContainer(text)) return text;
  throw usage(`--${what.toLowerCase()}: invalid ${what} mode`);
}

/** Any container's can be joined, so `shareable` adds nothing. */
function ipcFlag(text: string | undefined): RunOptions['ipc'] {
  return text === 'private' || text === 'shareable' ? 'private' : namespaceFlag(text, 'IPC');
}

const isOfContainer = (text: string): text is OfContainer => /^container:./.test(text);

function cgroupnsFlag(text: string | undefined): RunOptions['cgroupns'] {
  if (text === undefined || text === '') return undefined;
  if (text === 'host' || text === 'private') return text;
  throw usage('--cgroupns: invalid CGROUP mode');
}

export function cpusFlag(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d*\.?\d+$/.test(text))
    throw invalidArgument(text, '--cpus', `failed to parse ${printable(text)} as a rational number`);
  return Number(text);
}

function ulimitFlag(text: string): Ulimit {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (match === null) throw invalidArgument(text, '--ulimit', `invalid ulimit argument: ${printable(text)}`);
  const soft = Number(match[2]);
  const hard = Number(match[3] ?? match[2]);
  if (hard >= 0 && (soft > hard || soft < 0))
    throw invalidArgument(
      text,
      '--ulimit',
      `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
    );
  return { name: match[1] ?? '', soft, hard };
}

function deviceFlag(text: string): DeviceRequest {
  const [source = '', second, third] = text.split(':');
  const isMode = (part: string | undefined): part is string => part !== undefined && /^[rwm]{1,3}$/.test(part);
  if (third !== undefined && !isMode(third)) throw usage(`bad mode specified: ${printable(third)}`);
  const target = second === undefined || isMode(second) ? source : second;
  if (!target.startsWith('/dev/') || target.split('/').includes('..'))
    throw usage(`invalid device path "${printable(target)}": devices are made below /dev`);
  return { source, target, permissions: third ?? (isMode(second) ? second : 'rwm') };
}

function signalFlag(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const name = text.toUpperCase().startsWith('SIG') ? text.toUpperCase() : `SIG${text.toUpperCase()}`;
  const known = name in constants.signals || (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 64);
  if (!known) throw usage(`Invalid signal: ${printable(text)}`);
  return text;
}

function hostEntryFlag(text: string): string {
  const match = /^([^:=]+)[:=](.+)$/.exec(text);
  if (match === null) throw invalidArgument(text, '--add-host', `bad format for add-host: "${printable(text)}"`);
  const address = (match[2] ?? '').replace(/^\[(.*)\]$/, '$1');
  if (process.getBuiltinModule('node:net').isIP(address) === 0)
    throw invalidArgument(text, '--add-host', `invalid IP address in add-host: "${printable(address)}"`);
  return `${match[1]}:${address}`;
}

function addressFlag(text: string): string {
  if (process.getBuiltinModule('node:net').isIP(text) === 0)
    throw invalidArgument(text, '--dns', `${printable(text)} is not an ip address`);
  return text;
}

type SecurityOptions = Pick<RunOptions, 'seccomp' | 'noNewPrivileges' | 'apparmor' | 'unmaskedPaths'>;

function securityFlags(entries: readonly string[]): SecurityOptions {
  const result: SecurityOptions = {};
  for (const entry of entries) {
    const [name = '', value = ''] = entry.split(/[=:](.*)/s);
    if (name === 'no-new-privileges') result.noNewPrivileges = value === '' || value === 'true';
    else if (name === 'seccomp' && value !== '') {
      if (value === 'builtin') delete result.seccomp;
      else result.seccomp = value === 'unconfined' ? value : readProfile(value);
    } else if (name === 'apparmor' && value !== '') result.apparmor = value;
    else if (name === 'systempaths' && value === 'unconfined') result.unmaskedPaths = true;
    else if (name !== 'label')
      throw usage(`invalid --security-opt${/[=:]/.test(entry) ? ' 2' : ''}: ${JSON.stringify(printable(entry))}`);
  }
  return result;
}

function readProfile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EISDIR', 'EACCES')) throw error;
    throw usage(
      `opening seccomp profile (${printable(path)}) failed: ${isErrno(error, 'ENOENT') ? 'no such file or directory' : String(error)}`,
    );
  }
}
