/** Command lines that `docker run` and `tsrun` must answer alike. */

export interface RunCase {
  /** Flags, image and command, after `--rm`. `IMAGE` is the image, `DIR` a folder of the host with a few files in it. */
  args: readonly string[];
  input?: string;
  /** Why standard output is not the same, and what makes it so. */
  normalize?: (stdout: string) => string;
  /** Why standard error is not compared. */
  otherStderr?: string;
}

const sh = (script: string, ...flags: string[]): RunCase => ({ args: [...flags, 'IMAGE', 'sh', '-c', script] });
const plain = (...args: string[]): RunCase => ({ args });

/**
 * Every mount with its type and options, sorted: the order differs. Left out are those that newer daemons mask and this one
 * does not, or the other way round, cgroups (ours are mounted on a read-only tmpfs, and there is no systemd in a container),
 * the options of the masks themselves, and the file system that the container's files lie on.
 */
function mountTable(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split(' ').slice(0, 4))
    .filter(
      ([, point = '']) =>
        !/^\/(proc\/(interrupts|acpi|asound|keys|scsi)|sys\/(fs\/cgroup|firmware|devices))/.test(point),
    )
    .map(([source, point, type, options]) =>
      /^\/etc\//.test(point ?? '')
        ? `${point}`
        : type === 'overlay'
          ? 'root'
          : [source, point, type, options].join(' '),
    )
    .sort()
    .join('\n');
}

const statuses: RunCase[] = [
  plain('IMAGE'),
  plain('IMAGE', 'true'),
  plain('IMAGE', 'false'),
  sh('exit 7'),
  sh('exit 255'),
  sh('kill -9 $$'),
  sh('echo out; echo err >&2; exit 3'),
  sh('sleep 0.1 & exec sh -c "exit 9"', '--init'),
  sh('kill -15 $$; echo survived'),
  sh('kill -15 $$; sleep 5', '--init'),
  sh('kill -9 $$', '--init'),
  sh('trap "echo caught; exit 5" TERM; kill -15 $$; sleep 5'),
  plain('IMAGE', 'nonexist'),
  plain('IMAGE', '/nonexist'),
  plain('IMAGE', '/etc/passwd'),
  plain('IMAGE', '/bin'),
  plain('IMAGE', '/etc/passwd/x'),
  plain('-u', 'alice', 'IMAGE', '/odd/none'),
  plain('-e', 'PATH=/nowhere', 'IMAGE', 'true'),
];

const commands: RunCase[] = [
  plain('--entrypoint', 'echo', 'IMAGE', 'a', 'b c'),
  plain('--entrypoint', 'echo', 'IMAGE'),
  plain('--entrypoint', '', 'IMAGE'),
  plain('--entrypoint', '', 'IMAGE', 'echo', 'x'),
  plain('--entrypoint', '["/bin/echo"]', 'IMAGE'),
  plain('--entrypoint', '/bin/sh', 'IMAGE', '-c', 'echo $0', 'zero'),
  plain('IMAGE', 'echo', '$HOME', '*', '"', "'", '\\', 'ü', ''),
  sh('tr "\\0" "|" </proc/self/cmdline | head -c 4; tr "\\0" "|" </proc/1/cmdline'),
];

const environment: RunCase[] = [
  plain('-h', 'box', 'IMAGE', 'env'),
  {
    ...plain('-h', 'box', '-e', 'A=1', '-e', 'A=2', '-e', 'IMAGE=changed', '-e', 'EMPTY=', 'IMAGE', 'env'),
    // With a name given twice dockerd's order changes from run to run.
    normalize: (stdout) => stdout.split('\n').sort().join('\n'),
  },
  plain('-h', 'box', '-e', 'FROM_CALLER', '-e', 'NOT_THERE', 'IMAGE', 'env'),
  plain(
    '-h',
    'box',
    '-e',
    'PATH',
    '-e',
    'HOME=/elsewhere',
    '-e',
    'HOSTNAME=mine',
    'IMAGE',
    '/bin/sh',
    '-c',
    'echo $HOME $HOSTNAME',
  ),
  plain('-h', 'box', '--env-file', 'DIR/env', '-e', 'FILE=flag', 'IMAGE', 'env'),
  plain('-h', 'box', '-u', 'alice', 'IMAGE', 'env'),
  plain('-h', 'box', '-u', 'bob', 'IMAGE', 'env'),
  plain('-h', 'box', '-u', '4242', 'IMAGE', 'env'),
];

const users: RunCase[] = [
  ...[
    'alice',
    'alice:wheel',
    '1000',
    '1000:50',
    ':50',
    '0:7',
    '4242:4343',
    ':alice',
    '1000:',
    'root',
    '2147483647',
  ].map((user) => plain('-u', user, 'IMAGE', 'sh', '-c', 'id; grep -E "^(Uid|Gid|Groups|Cap)" /proc/self/status')),
  ...['nosuch', 'alice:nosuch', '2147483648', '-1', 'a:b:c'].map((user) => plain(`--user=${user}`, 'IMAGE', 'id')),
  plain('--group-add', 'staff', '--group-add', '77', 'IMAGE', 'id', '-G'),
  plain('--group-add', 'nosuch', 'IMAGE', 'id', '-G'),
  plain('-u', 'alice', '--group-add', 'staff', 'IMAGE', 'id'),
];

const folders: RunCase[] = [
  sh('pwd; stat -c "%a %u" . ..', '-w', '/new/dir', '-u', 'alice'),
  plain('-w', 'relative', 'IMAGE', 'pwd'),
  plain('-w', '/etc/passwd', 'IMAGE', 'pwd'),
  plain('-w', '/odd/../tmp/', 'IMAGE', 'pwd'),
  plain('-w', '/gone', 'IMAGE', 'ls'),
];

const files: RunCase[] = [
  sh('touch /x; touch /etc/hosts /dev/shm/x /tmp/y && echo fine', '--read-only', '--tmpfs', '/tmp'),
  sh('grep " /t " /proc/mounts; stat -c "%a %u" /t', '--tmpfs', '/t:size=1m,mode=700,uid=5'),
  sh('grep " /t " /proc/mounts; stat -c "%a %u" /t', '--tmpfs', '/t'),
  sh('grep " /t " /proc/mounts', '--tmpfs', '/t:exec,ro'),
  sh('grep " /t " /proc/mounts', '--mount', 'type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770'),
  sh('ls /opaque; grep " /opaque " /proc/mounts', '--tmpfs', '/opaque'),
  sh('grep " /dev/shm " /proc/mounts', '--shm-size', '1m'),
  sh('cat /v/file; echo new >/v/made; cat /v/made; ls /v', '-v', 'DIR:/v'),
  sh('cat /v/file; touch /v/x', '-v', 'DIR:/v:ro'),
  sh('cat /etc/group', '-v', 'DIR/file:/etc/group'),
  sh('cat /made/up/file', '-v', 'DIR/file:/made/up/file:ro'),
  sh('ls -la /v | wc -l; stat -c "%a %u" /v', '-v', 'DIR/missing:/v'),
  sh('cat /v/file; touch /v/x', '--mount', 'type=bind,src=DIR,dst=/v,readonly'),
  plain('--mount', 'type=bind,src=DIR/nothing,dst=/v', 'IMAGE', 'true'),
  plain('--mount', 'type=bind,src=DIR', 'IMAGE', 'true'),
  plain('--mount', 'type=bind,src=DIR,dst=/v,foo=1', 'IMAGE', 'true'),
  {
    args: ['-v', 'DIR:/v:bogus', 'IMAGE', 'true'],
    otherStderr: 'newer daemons name the whole specification, as we do',
  },
  plain('-v', 'DIR:relative', 'IMAGE', 'true'),
  plain('-v', 'DIR:/', 'IMAGE', 'true'),
  sh('cat /w/file', '-v', 'DIR:/v', '-v', 'DIR/sub:/v/sub', '-v', 'DIR:/w'),
  sh('touch /bin/x /odd/y && rm -r /opaque && ls -d /opaque; ls /opaque'),
  sh('rm -rf /odd; mkdir /odd; ls /odd; mv /fresh /stale && ls /stale'),
];

const network: RunCase[] = [
  sh('hostname; cat /etc/hostname; cat /etc/hosts', '-h', 'box'),
  sh('cat /proc/sys/kernel/domainname; hostname', '-h', 'box', '--domainname', 'lan'),
  sh('hostname; cat /etc/hosts', '-h', 'box.lan.example'),
  sh('cat /etc/hosts', '-h', 'box', '--add-host', 'db:10.1.2.3', '--add-host', 'six:fe80::1'),
  plain('--add-host', 'broken', 'IMAGE', 'true'),
  plain('--add-host', 'db:nonsense', 'IMAGE', 'true'),
  sh('cat /etc/resolv.conf', '--dns', '9.9.9.9', '--dns', '1.1.1.1', '--dns-search', 'example.com'),
  { args: ['--dns', 'nonsense', 'IMAGE', 'true'], otherStderr: 'the command line of each version has other words' },
  sh('ip addr show lo | grep -c "inet "; ip link | grep -c mtu'),
  plain('--network', 'bogus', 'IMAGE', 'true'),
  plain('--network', 'container:nosuch', 'IMAGE', 'true'),
  plain('--network', 'container:nosuch', '-h', 'box', 'IMAGE', 'true'),
  plain('--network', 'container:nosuch', '--dns', '1.1.1.1', 'IMAGE', 'true'),
  sh('hostname; ls /sys/class/net | sort', '--network', 'host'),
  sh('hostname', '--uts', 'host'),
  { args: ['-h', 'a'.repeat(65), 'IMAGE', 'true'], otherStderr: 'runc only says "invalid argument"' },
  plain('-h', 'under_score', 'IMAGE', 'hostname'),
];

const privileges: RunCase[] = [
  ...[
    [],
    ['--cap-add', 'SYS_ADMIN'],
    ['--cap-drop', 'ALL'],
    ['--cap-drop', 'ALL', '--cap-add', 'net_raw'],
    ['--cap-drop', 'CAP_CHOWN', '--cap-drop', 'mknod'],
    ['-u', 'alice', '--cap-add', 'CHOWN'],
    ['-u', '1000', '--cap-drop', 'all', '--cap-add', 'chown', '--cap-add', 'SETUID'],
    ['--cap-add', 'SYS_TIME', '--cap-drop', 'SYS_TIME'],
    ['--cap-add', 'NET_ADMIN', '--cap-add', 'CAP_NET_ADMIN', '--cap-drop', 'net_raw'],
    ['--cap-drop', 'NET_RAW', '--cap-add', 'NET_RAW'],
    ['-u', '0:1000', '--cap-drop', 'SETPCAP', '--cap-drop', 'SETFCAP'],
    ['-u', 'alice', '--cap-add', 'SYS_PTRACE', '--security-opt', 'no-new-privileges'],
    ['--security-opt', 'no-new-privileges'],
    ['--security-opt', 'no-new-privileges:true', '--security-opt', 'seccomp=unconfined'],
  ].map((flags) => sh('grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status', ...flags)),
  plain('--cap-add', 'BOGUS', 'IMAGE', 'true'),
  plain('--security-opt', 'bogus', 'IMAGE', 'true'),
  sh(
    'for f in acpi keys timer_list sys bus; do grep -c " /proc/$f " /proc/mounts; done; grep -c "^sysfs .* ro," /proc/mounts',
    '--security-opt',
    'systempaths=unconfined',
  ),
  plain('--security-opt', 'systempaths=bogus', 'IMAGE', 'true'),
  sh('unshare -m true 2>&1; mount -t tmpfs x /tmp 2>&1; mknod /tmp/d c 1 3 && echo made'),
  sh('chown 5:6 /tmp && stat -c "%u %g" /tmp; chroot / true && echo chroot; date -s 2020-01-01 2>&1 | head -n 1'),
  sh('echo 1 >/proc/sys/kernel/hostname; echo b >/proc/sysrq-trigger; mkdir /sys/fs/cgroup/memory/x'),
  sh(
    'sysctl -n net.ipv4.ip_forward kernel.msgmax',
    '--sysctl',
    'net.ipv4.ip_forward=1',
    '--sysctl',
    'kernel.msgmax=1234',
  ),
  {
    args: ['--sysctl', 'kernel.pid_max=1000', 'IMAGE', 'true'],
    otherStderr: 'the command line refuses it before the daemon sees it',
  },
  sh(
    'ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -u',
    '--ulimit',
    'nofile=99:100',
    '--ulimit',
    'core=0',
    '--ulimit',
    'nproc=5000',
  ),
  sh('grep -v "open files" /proc/self/limits', '--ulimit', 'memlock=65536:65536'),
  plain('--ulimit', 'bogus=1', 'IMAGE', 'true'),
  plain('--ulimit', 'nofile=10:5', 'IMAGE', 'true'),
  sh('umask; cat /proc/self/oom_score_adj'),
  sh('cat /proc/self/oom_score_adj', '--oom-score-adj', '500'),
  plain('--oom-score-adj', '2000', 'IMAGE', 'true'),
];

const devices: RunCase[] = [
  sh('ls -lnR /dev | grep -v ^total | sed "s/ [A-Z][a-z][a-z] .*:.. / /"'),
  { ...sh('cat /proc/mounts'), normalize: mountTable },
  sh(
    'for f in acpi kcore keys latency_stats timer_list sched_debug scsi; do ls -ldn /proc/$f 2>/dev/null | cut -c1-10; wc -c </proc/$f 2>/dev/null; done; ls /sys/firmware',
  ),
  sh('for f in bus fs irq sys; do touch /proc/$f/x 2>&1; done'),
  sh('ls -l /dev/extra | cut -c1-10; head -c 3 /dev/extra | od -c', '--device', '/dev/zero:/dev/extra'),
  sh('echo x >/dev/extra', '--device', '/dev/null:/dev/extra:r'),
  sh('mknod /x b 7 0; : </x && echo opened', '--device-cgroup-rule', 'b 7:0 r'),
  plain('--device-cgroup-rule', 'x 7:0 r', 'IMAGE', 'true'),
  plain('--device', '/dev/nope', 'IMAGE', 'true'),
  plain('--device', '/dev/null:/dev/x:q', 'IMAGE', 'true'),
  sh('cat /odd/char; echo $?; head -c 1 /odd/block; echo x >/dev/full', '-u', '0'),
];

const resources: RunCase[] = [
  sh('cat /sys/fs/cgroup/memory/memory.limit_in_bytes', '-m', '64m'),
  sh('cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes', '-m', '64m', '--memory-swap', '100m'),
  sh('cat /sys/fs/cgroup/pids/pids.max', '--pids-limit', '30'),
  sh('cat /sys/fs/cgroup/memory/memory.soft_limit_in_bytes', '--memory-reservation', '20m', '-m', '64m'),
  sh('cat /sys/fs/cgroup/memory/memory.swappiness', '--memory-swappiness', '7'),
  sh('head -n 1 /sys/fs/cgroup/memory/memory.oom_control', '--oom-kill-disable', '-m', '64m'),
  sh(
    'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us',
    ...'--cpu-quota 20000 --cpu-period 50000'.split(' '),
  ),
  sh('cat /sys/fs/cgroup/cpu/cpu.cfs_period_us', '--cpu-period', '50000'),
  sh('cat /sys/fs/cgroup/cpuset/cpuset.mems', '--cpuset-mems', '0'),
  sh('cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device', '--device-read-bps', '/dev/vda:1mb'),
  sh('cat /sys/fs/cgroup/blkio/blkio.throttle.write_iops_device', '--device-write-iops', '/dev/vda:100'),
  ...[
    '--memory-reservation 1m',
    '--memory-reservation 64m -m 32m',
    '--memory-swappiness 101',
    '--cpus 1 --cpu-quota 5000',
    '--cpus 1 --cpu-period 5000',
    '--cpu-period 10',
    '--cpu-quota 10',
    '--cpuset-mems 9',
    '--device-read-bps /dev/null',
    '--device-read-bps null:1m',
    '--device-read-bps /dev/null:x',
    '--device-write-iops /dev/null:x',
    '--blkio-weight-device /dev/vda:5',
  ].map((flags) => plain(...flags.split(' '), 'IMAGE', 'true')),
  sh('cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us', '--cpus', '0.5'),
  sh(
    'cat /sys/fs/cgroup/cpu/cpu.shares; nproc; cat /sys/fs/cgroup/cpuset/cpuset.cpus',
    '-c',
    '512',
    '--cpuset-cpus',
    '0',
  ),
  sh('head -c 100m /dev/zero | tail | wc -c; echo unreached', '-m', '20m', '--memory-swap', '20m'),
  plain('-m', '20m', '--memory-swap', '20m', 'IMAGE', 'tail', '-c', '100m', '/dev/zero'),
  plain('-m', '1m', 'IMAGE', 'true'),
  plain('-m', '64m', '--memory-swap', '32m', 'IMAGE', 'true'),
  plain('--cpus', '99', 'IMAGE', 'true'),
  plain('--cpuset-cpus', '77', 'IMAGE', 'true'),
  sh('cut -d: -f2 /proc/self/cgroup | sort', '--pids-limit', '-1'),
];

const namespaces: RunCase[] = [
  sh('echo $$; set -- /proc/[0-9]*; echo $#'),
  sh('test $$ -gt 1 && echo host', '--pid', 'host'),
  sh('ls /dev/shm | wc -l >/dev/null; cat /proc/sys/kernel/shmmax', '--ipc', 'host'),
  sh('cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range'),
  sh('cat /proc/sys/net/ipv4/ip_unprivileged_port_start', '--sysctl', 'net.ipv4.ip_unprivileged_port_start=80'),
  { args: ['--ipc', 'bogus', 'IMAGE', 'true'], otherStderr: 'the flag is named, as newer command lines do' },
  plain('--pid', 'bogus', 'IMAGE', 'true'),
  plain('--pid', 'container:nosuch', 'IMAGE', 'true'),
  plain('--ipc', 'container:nosuch', 'IMAGE', 'true'),
  sh('cut -d: -f2 /proc/self/cgroup | sort', '--cgroupns', 'host'),
  plain('--cgroupns', 'bogus', 'IMAGE', 'true'),
  sh('set -- /proc/[0-9]*; echo $#; cut -d" " -f4 /proc/self/stat', '--init'),
  sh('ls -l /proc/self/fd | wc -l; sleep 0'),
  sh(
    'grep -vE "^(Pid|PPid|Tgid|NSpid|NStgid|NSpgid|NSsid|Ngid|Vm|Rss|voluntary|nonvol|Name|Mems|Cpus|SigQ|Hugetlb|Threads|Core|THP|Kthread|untag|x86|State|FDSize)" /proc/self/status',
  ),
];

const streams: RunCase[] = [
  { args: ['-i', 'IMAGE', 'cat'], input: 'some text\nwithout an end' },
  { args: ['IMAGE', 'cat'], input: 'not wanted' },
  { args: ['-i', 'IMAGE', 'sh'], input: 'echo from stdin; exit 4\n' },
  { args: ['-i', 'IMAGE', 'wc', '-c'], input: 'x'.repeat(300_000) },
  { args: ['-i', 'IMAGE', 'head', '-n', '1'], input: 'first\n'.repeat(50_000) },
  sh('yes | head -c 1000000; yes err | head -c 100000 >&2'),
  plain('-t', 'IMAGE', 'sh', '-c', 'tty; echo text'),
  plain('-it', 'IMAGE', 'true'),
  // Streams are the user's, who may open them by name.
  sh('echo out >/dev/stdout; echo err >/dev/stderr; stat -L -c "%u %a" /proc/self/fd/1', '-u', 'alice'),
  plain('-t', '-u', 'alice', 'IMAGE', 'sh', '-c', 'stat -c "%u %g %a" $(tty); echo text >$(tty)'),
];

const flags: RunCase[] = [
  plain('--name', 'a b', 'IMAGE', 'true'),
  plain('--name', 'x', 'IMAGE', 'true'),
  plain('--label', 'a=b', '-l', 'c', 'IMAGE', 'true'),
  plain('--stop-signal', 'BOGUS', 'IMAGE', 'true'),
  plain('--stop-signal', 'INT', 'IMAGE', 'true'),
  plain('--nosuchflag', 'IMAGE', 'true'),
  plain('--pull', 'never', 'nosuch:1', 'true'),
  plain('--pull', 'bogus', 'IMAGE', 'true'),
  plain('UPPER', 'true'),
  plain('--platform', 'linux/s390x', '--pull', 'never', 'IMAGE', 'true'),
  plain('--shm-size', 'x', 'IMAGE', 'true'),
  plain('-m', 'x', 'IMAGE', 'true'),
  plain('--rm=false', '--rm', 'IMAGE', 'true'),
];

export const groups: Readonly<Record<string, readonly RunCase[]>> = {
  statuses,
  commands,
  environment,
  users,
  folders,
  files,
  network,
  privileges,
  devices,
  resources,
  namespaces,
  streams,
  flags,
};
