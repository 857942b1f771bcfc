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
  value('cidfile', 'string', 'Write the container ID to the file'),
  value('cpu-shares', 'int', 'CPU shares (relative weight)', 'c'),
  value('cpus', 'decimal', 'Number of CPUs'),
  value('cpuset-cpus', 'string', 'CPUs in which to allow execution (0-3, 0,1)'),
  on('detach', 'Run container in background and print container ID', 'd'),
  value('detach-keys', 'string', 'Override the key sequence for detaching a container'),
  value('device', 'list', 'Add a host device to the container'),
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
  value('ipc', 'string', 'IPC mode to use (private, host)'),
  on('json', 'Print one JSON object about the end, with what the command wrote, instead of its output'),
  value('label', 'list', 'Set meta data on a container', 'l'),
  value('label-file', 'list', 'Read in a line delimited file of labels'),
  value('log-driver', 'string', 'Logging driver for the container: json-file (default) or none'),
  value('log-opt', 'list', 'Log driver options: max-size, max-file'),
  value('memory', 'bytes', 'Memory limit', 'm'),
  value('memory-swap', 'bytes', 'Swap limit equal to memory plus swap: -1 to enable unlimited swap'),
  value('mount', 'mount', 'Attach a filesystem mount to the container'),
  value('name', 'string', 'Assign a name to the container'),
  value('network', 'network', 'Network of the container: none (default) or host'),
  value('net', 'network', 'The same as --network'),
  value('output-limit', 'bytes', 'Kill the command when it wrote more than that'),
  value('oom-score-adj', 'int', "Tune host's OOM preferences (-1000 to 1000)"),
  value('pid', 'string', 'PID namespace to use (host)'),
  value('pids-limit', 'int', 'Tune container pids limit (set -1 for unlimited)'),
  value('platform', 'string', 'Set platform if the image has several'),
  on('privileged', 'Give extended privileges to this container'),
  value('pull', 'string', 'Pull image before running (always, missing, never)'),
  on('quiet', 'Suppress the pull output', 'q'),
  on('read-only', "Mount the container's root filesystem as read only"),
  value('restart', 'string', 'Restart policy to apply when a container exits'),
  on('rm', 'Remove the container and its layer when it exits'),
  value('root', 'directory', 'The data root to use instead of $TSPULL_ROOT or /var/lib/tspull'),
  on('sandbox', 'For untrusted code: no network, privileges or changes, limits on all it can use'),
  value('security-opt', 'list', 'Security options: seccomp=FILE, seccomp=unconfined, no-new-privileges'),
  value('shm-size', 'bytes', 'Size of /dev/shm'),
  on('sig-proxy', 'Proxy received signals to the process'),
  value('stop-signal', 'string', 'Signal to stop the container'),
  value('stop-timeout', 'int', 'Timeout (in seconds) to stop a container'),
  value('sysctl', 'map', 'Sysctl options'),
  value('timeout', 'duration', 'Kill the command after that time (10s, 1m30s) and end with status 124'),
  value('tmpfs', 'list', 'Mount a tmpfs directory'),
  on('tty', 'Allocate a pseudo-TTY', 't'),
  value('ulimit', 'ulimit', 'Ulimit options'),
  value('user', 'string', 'Username or UID (format: <name|uid>[:<group|gid>])', 'u'),
  value('uts', 'string', 'UTS namespace to use (host)'),
  on('version', 'Show the version'),
  value('volume', 'list', 'Bind mount a directory or file', 'v'),
  value('workdir', 'string', 'Working directory inside the container', 'w'),
];

const ofRun = {
  usage: 'tsrun [OPTIONS] IMAGE [COMMAND] [ARG...]',
  what: 'Run a command in a new container, without a daemon.',
};

export function runHelp({ usage, what } = ofRun, flags = runFlags): string {
  const rows = flags.map(({ name, short, value, help }) => {
    const left = `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`;
    return `  ${left.padEnd(30)} ${help}`;
  });
  return [
    `Usage:  ${usage}`,
    '',
    what,
    'The container has no network but its own loopback device, unless --network host is given.',
    '',
    'Options:',
    ...rows,
    '',
  ].join('\n');
}
