/** What `tscontainer inspect` shows: the shape of Docker 20.10 (API 1.41), which later versions only made smaller. */

import { containerFiles } from '../containers/container-files.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { readImageIndex } from '../images/find.js';
import { layerDirectories } from '../images/graph-driver.js';
import { healthSettings } from '../run/spec/health.js';
import { configOf, labelsOf, mountsOf, networkModeOf, networksOf, optionsOf } from './container-facts.js';
import { hostConfigOf } from './container-host-config.js';
import { sizesOf } from './container-rows.js';

/** Go's zero time. */
const NEVER = '0001-01-01T00:00:00Z';

export function containerJson(root: string, record: ContainerRecord, withSize: boolean): Record<string, unknown> {
  const files = containerFiles(root, record.id);
  const options = optionsOf(record);
  const network = networkModeOf(record) === 'host' ? undefined : containerFiles(root, record.networkOf ?? record.id);
  const [path = '', ...args] = record.command;
  const size = withSize ? sizesOf(readImageIndex(root), record) : undefined;
  return {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: stateOf(record),
    Image: record.image.id,
    ResolvConfPath: (network ?? files).resolvConf,
    HostnamePath: (network ?? files).hostname,
    HostsPath: (network ?? files).hosts,
    LogPath: options.logDriver === 'none' ? '' : files.log,
    Name: `/${record.name}`,
    RestartCount: record.restartCount ?? 0,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: options.apparmor ?? '',
    ExecIDs: null,
    HostConfig: hostConfigOf(record),
    GraphDriver: { Data: Object.fromEntries(layerDirectories(root, record.mountId)), Name: 'overlay2' },
    ...(size && { SizeRw: size.own, SizeRootFs: size.total }),
    Mounts: mountsOf(record)
      .filter(({ type }) => type !== 'tmpfs')
      .map(({ type, name, source, target, readonly, propagation }) => ({
        Type: type,
        ...(name !== undefined && { Name: name }),
        Source: source,
        Destination: target,
        ...(type === 'volume' && { Driver: 'local' }),
        Mode: readonly ? 'ro' : '',
        RW: !readonly,
        Propagation: propagation,
      })),
    Config: containerConfig(record),
    NetworkSettings: networkSettings(record),
  };
}

function stateOf({ state, oomKilled, pid, exitCode, error, started, finished, health }: ContainerRecord): object {
  return {
    Status: state,
    Running: state === 'running' || state === 'paused' || state === 'restarting',
    Paused: state === 'paused',
    Restarting: state === 'restarting',
    OOMKilled: oomKilled ?? false,
    Dead: false,
    Pid: pid ?? 0,
    ExitCode: state === 'running' || state === 'paused' ? 0 : (exitCode ?? 0),
    Error: error ?? '',
    StartedAt: started ?? NEVER,
    FinishedAt: finished ?? NEVER,
    ...(health && {
      Health: {
        Status: health.status,
        FailingStreak: health.failingStreak,
        Log: health.log.map(({ start, end, exitCode: code, output }) => ({
          Start: start,
          End: end,
          ExitCode: code,
          Output: output,
        })),
      },
    }),
  };
}

function containerConfig(record: ContainerRecord): object {
  const image = configOf(record);
  const options = optionsOf(record);
  const given = record.request?.command ?? [];
  const command = given.length > 0 || options.entrypoint !== undefined ? given : (image.Cmd ?? []);
  const entrypoint = options.entrypoint ?? image.Entrypoint ?? [];
  const interactive = options.interactive ?? false;
  const health = healthSettings(image, options);
  const stopSignal = options.stopSignal || image.StopSignal;
  return {
    Hostname: options.hostname || record.id.slice(0, 12),
    Domainname: options.domainname ?? '',
    User: options.user || image.User || '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: options.tty ?? false,
    OpenStdin: interactive,
    StdinOnce: interactive && options.stdinOnce !== false,
    Env: mergedEnvironment(options.env ?? [], image.Env ?? []),
    Cmd: command.length === 0 ? null : command,
    ...(health && { Healthcheck: health }),
    Image: record.image.name,
    Volumes: null,
    WorkingDir: options.workdir || image.WorkingDir || '',
    Entrypoint: entrypoint.length === 0 ? null : entrypoint,
    OnBuild: null,
    Labels: labelsOf(record),
    StopSignal: stopSignal ?? '',
    ...(options.stopTimeout !== undefined && { StopTimeout: options.stopTimeout }),
  };
}

/** The caller's variables, then those of the image that the caller did not set. */
function mergedEnvironment(given: readonly string[], image: readonly string[]): string[] {
  const nameOf = (entry: string): string => entry.split('=', 1)[0] ?? '';
  const names = new Set(given.map(nameOf));
  return [...given, ...image.filter((entry) => !names.has(nameOf(entry)))];
}

/** As for the networks `none` and `host`: addresses belong to others. */
function networkSettings(record: ContainerRecord): object {
  const empty = { IPAMConfig: null, Links: null, Aliases: null, NetworkID: '', EndpointID: '' };
  const addresses = {
    Gateway: '',
    IPAddress: '',
    IPPrefixLen: 0,
    IPv6Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    MacAddress: '',
  };
  const { Gateway, IPAddress, IPPrefixLen, IPv6Gateway, GlobalIPv6Address, GlobalIPv6PrefixLen, MacAddress } =
    addresses;
  return {
    Bridge: '',
    SandboxID: '',
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    Ports: {},
    SandboxKey: '',
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: '',
    Gateway,
    GlobalIPv6Address,
    GlobalIPv6PrefixLen,
    IPAddress,
    IPPrefixLen,
    IPv6Gateway,
    MacAddress,
    Networks: Object.fromEntries(
      networksOf(record).map((name) => [name, { ...empty, ...addresses, DriverOpts: null }]),
    ),
  };
}
