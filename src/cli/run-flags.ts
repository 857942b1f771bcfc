import type { Flag } from './run-flag-parser.js';

const on = (name: string, help: string, short?: string): Flag => ({
  name,
  kind: 'switch',
  help,
  ...(short && { short }),
});
const value = (name: string, what: string, help: string, short?: string): Flag => ({
  name,
  kind: 'value',
  value: what,
  help,
  ...(short && { short }),
});

/** The flags of tsrun, in the order of the help text. Names and meaning are Docker's. */
export const runFlags: readonly Flag[] = [
  value('add-host', 'list', 'Add a custom host-to-IP mapping (host:ip)'),
  value('cap-add', 'list', 'Add Linux capabilities'),
  value('cap-drop', 'list', 'Drop Linux capabilities'),
  value('cgroupns', 'string', 'Cgroup namespace to use (private, host)'),
  value('cpu-shares', 'int', 'CPU shares (relative weight)', 'c'),
  value('cpus', 'decimal', 'Number of CPUs'),
  value('cpuset-cpus', 'string', 'CPUs in which to allow execution (0-3, 0,1)'),
  value('device', 'list', 'Add a host device to the container'),
  value('device-cgroup-rule', 'list', 'Add a rule to the cgroup allowed devices list (c 42:* rmw)'),
  value('dns', 'list', 'Set custom DNS servers'),
  value('dns-search', 'list', 'Set custom DNS search domains'),
  value('domainname', 'string', 'Container NIS domain name'),
  value('entrypoint', 'string', 'Overwrite the default ENTRYPOINT of the image'),
  value('env', 'list', 'Set environment variables', 'e'),
  value('env-file', 'list', 'Read in a file of environment variables'),
  value('group-add', 'list', 'Add additional groups to join'),
  on('help', 'Print usage'),
  value('hostname', 'string', 'Container host name', 'h'),
  on('init', 'Run an init inside the container that forwards signals and reaps processes'),
  on('interactive', 'Keep STDIN open even if not attached', 'i'),
  value('ipc', 'string', 'IPC mode to use (private, host, container:NAME)'),
  on('json', 'Print one JSON object about the end, with what the command wrote, instead of its output'),
  value('label', 'list', 'Set meta data on a container', 'l'),
  value('memory', 'bytes', 'Memory limit', 'm'),
  value('memory-swap', 'bytes', 'Swap limit equal to memory plus swap: -1 to enable unlimited swap'),
  value('mount', 'mount', 'Attach a filesystem mount to the container'),
  value('name', 'string', 'Assign a name to the container'),
  value('network', 'network', 'Network of the container: none (default), host, container:NAME'),
  value('net', 'network', 'The same as --network'),
  value('output-limit', 'bytes', 'Kill the command when it wrote more than that'),
  value('oom-score-adj', 'int', "Tune host's OOM preferences (-1000 to 1000)"),
  value('pid', 'string', 'PID namespace to use (host, container:NAME)'),
  value('pids-limit', 'int', 'Tune container pids limit (set -1 for unlimited)'),
  value('platform', 'string', 'Set platform if the image has several'),
  on('privileged', 'Give extended privileges to this container'),
  value('pull', 'string', 'Pull image before running (always, missing, never)'),
  on('quiet', 'Suppress the pull output', 'q'),
  on('read-only', "Mount the container's root filesystem as read only"),
  on('rm', 'Remove the container and its layer when it exits'),
  value('root', 'directory', 'The data root to use instead of $TSPULL_ROOT or /var/lib/tspull'),
  on('sandbox', 'For untrusted code: no network, privileges or changes, limits on all it can use'),
  value('security-opt', 'list', 'seccomp=FILE|unconfined, no-new-privileges, apparmor=NAME, systempaths=unconfined'),
  value('shm-size', 'bytes', 'Size of /dev/shm'),
  value('stop-signal', 'string', 'Signal to stop the container'),
  value('sysctl', 'map', 'Sysctl options'),
  value('timeout', 'duration', 'Kill the command after that time (10s, 1m30s) and end with status 124'),
  value('tmpfs', 'list', 'Mount a tmpfs directory'),
  on('tty', 'Allocate a pseudo-TTY', 't'),
  value('ulimit', 'ulimit', 'Ulimit options'),
  value('user', 'string', 'Username or UID (format: <name|uid>[:<group|gid>])', 'u'),
  value('uts', 'string', 'UTS namespace to use (host, container:NAME)'),
  on('version', 'Show the version'),
  value('volume', 'list', 'Bind mount a directory or file', 'v'),
  value('workdir', 'string', 'Working directory inside the container', 'w'),
];

export function runHelp(): string {
  const rows = runFlags.map(({ name, short, value: what, help }) => {
    const left = `${short ? `-${short}, ` : '    '}--${name}${what ? ` ${what}` : ''}`;
    return `  ${left.padEnd(30)} ${help}`;
  });
  return [
    'Usage:  tsrun [OPTIONS] IMAGE [COMMAND] [ARG...]',
    '',
    'Run a command in a new container, without a daemon.',
    'The container has no network but its own loopback device, unless --network host is given.',
    '',
    'Options:',
    ...rows,
    '',
  ].join('\n');
}
