/** What is tried from inside a container, and what must come of it: catalogue X. Docker is asked the same. */

export interface Probe {
  /** What is tried. */
  title: string;
  flags?: readonly string[];
  /** Run by the container's shell; /probe is the compiled probe.c. */
  script: string;
  /** All of standard output. */
  expected: string | RegExp;
  /** Why Docker's answer is another; then it is not compared. */
  unlikeDocker?: string;
}

const lines = (...list: string[]): string => list.map((line) => `${line}\n`).join('');
const NONE = '0000000000000000';

/** Files that tell about the host or change it. Every one must refuse, whether it is there or not. */
const knobs = [
  ...['kernel/core_pattern', 'kernel/modprobe', 'kernel/hotplug', 'kernel/sysrq', 'kernel/panic', 'kernel/hostname'],
  ...[
    'kernel/randomize_va_space',
    'kernel/yama/ptrace_scope',
    'kernel/ns_last_pid',
    'kernel/printk',
    'kernel/poweroff_cmd',
  ],
  ...['vm/drop_caches', 'vm/overcommit_memory', 'vm/panic_on_oom', 'fs/binfmt_misc/register', 'fs/suid_dumpable'],
  ...['net/ipv4/ip_forward', 'net/core/somaxconn', 'user/max_user_namespaces'],
]
  .map((name) => `/proc/sys/${name}`)
  .concat(
    ...[
      '/proc/sysrq-trigger',
      '/proc/irq/default_smp_affinity',
      '/proc/bus/pci/devices',
      '/proc/fs/ext4',
      '/proc/kcore',
    ],
    ...['/proc/timer_list', '/proc/keys', '/proc/acpi/wakeup', '/proc/scsi/scsi', '/proc/mtrr'],
    ...['/sys/kernel/uevent_helper', '/sys/kernel/mm/ksm/run', '/sys/power/state', '/sys/kernel/vmcoreinfo'],
    ...['/sys/module/kernel/parameters/panic', '/sys/block/sda/queue/nr_requests', '/sys/kernel/debug/x'],
    ...[
      '/sys/fs/cgroup/memory/memory.limit_in_bytes',
      '/sys/fs/cgroup/memory/release_agent',
      '/sys/fs/cgroup/cgroup.procs',
    ],
    ...['/sys/fs/cgroup/devices/devices.allow', '/sys/fs/cgroup/pids/notify_on_release', '/sys/class/net/lo/mtu'],
  );

export const probes: readonly Probe[] = [
  {
    title: 'X17 write to 40 files of the kernel',
    script: `for f in ${knobs.join(' ')}; do (echo 1 >$f) 2>/dev/null && echo "wrote $f"; done; echo end`,
    // Where there is no mask because the kernel has no such file, /dev/null stands in for nothing.
    expected: /^(wrote \/proc\/(kcore|timer_list|keys)\n)*end\n$/,
    unlikeDocker: 'the folder of its cgroup mounts can be written to on hybrid machines',
  },
  {
    title: 'X12 the masks cannot be taken off, nor mounted over',
    script:
      'umount /proc/keys; umount /proc/sys; mount -t proc proc /tmp; mount -o bind /bin /proc/keys; mv /proc/keys /x',
    expected: '',
  },
  {
    title: "X20 no release_agent can be reached through a cgroup of one's own",
    script: 'unshare -C true; mount -t cgroup -o memory x /tmp; mkdir /sys/fs/cgroup/memory/x; ls /tmp; echo end',
    expected: 'end\n',
  },
  {
    title: 'X19 X27 namespaces',
    script: '/probe namespaces',
    expected: lines(
      ...['NEWNS', 'NEWCGROUP', 'NEWUTS', 'NEWIPC', 'NEWUSER', 'NEWPID', 'NEWNET'].flatMap((name) => [
        `clone ${name} EPERM`,
        `unshare ${name} EPERM`,
      ]),
      'clone3 ENOSYS',
    ),
  },
  {
    title: 'X27 arguments that decide',
    script: '/probe arguments',
    expected: lines(
      ...['0 0', '8 0', '20000 0', '20008 0', 'ffffffff 0', '1 1', '40000 1', '100000000 1'].map(
        (it) => `personality ${it}`,
      ),
      ...['1 let through', '2 let through', '16 let through', '38 EPERM', '40 EPERM'].map((it) => `socket ${it}`),
      'personality high 1',
    ),
    unlikeDocker: 'AF_ALG is refused since the profile of April 2026; see the sweep with the same profile',
  },
  {
    title: 'X19 X27 X29 other calls that would reach the kernel or another process',
    script: '/probe others | grep -v " EPERM$"',
    expected: /^(x32 0\nx32 bpf 0\n)?$/,
    unlikeDocker: 'libseccomp of the runtime decides about calls that it does not know',
  },
  {
    title: 'X29 calls through the gate of 32-bit programs',
    script: '/probe i386',
    expected: new RegExp(
      `^(no such gate\n|${[
        ...['getpid allowed', 'mount EPERM', 'umount2 EPERM', 'reboot EPERM', 'iopl EPERM', 'init_module EPERM'],
        ...[
          'personality 8 allowed',
          'personality 1 EPERM',
          'personality 8 and more above allowed',
          'pivot_root EPERM',
          'kexec_load EPERM',
          'add_key EPERM',
        ],
        ...['keyctl EPERM', 'unshare EPERM', 'clone NEWUSER EPERM', 'perf_event_open EPERM', 'open_by_handle_at EPERM'],
        ...['setns EPERM', 'bpf EPERM', 'socket vsock EPERM', 'userfaultfd EPERM', 'io_uring_setup EPERM'],
        ...['fsopen EPERM', 'clone3 ENOSYS'],
      ]
        .map((line) => `${line}\n`)
        .join('')})$`,
    ),
    unlikeDocker: 'AF_VSOCK and io_uring are refused since newer profiles; see the sweep with the same profile',
  },
  {
    title: 'X24 a file with capabilities gives a user no more than the bounding set',
    flags: ['-u', '1000'],
    script: '/with-capability; /with-forbidden-capability 2>/dev/null || echo refused',
    expected: lines('uid 1000 euid 1000', 'CapPrm:\t0000000000002000', 'CapEff:\t0000000000002000', 'refused'),
  },
  {
    title: 'X24 a setuid file',
    flags: ['-u', '1000'],
    script: '/setuid',
    expected: lines('uid 1000 euid 0', 'CapPrm:\t00000000a80425fb', 'CapEff:\t00000000a80425fb'),
  },
  {
    title: 'X31 neither works with no-new-privileges',
    flags: ['-u', '1000', '--security-opt', 'no-new-privileges'],
    script: '/setuid; /with-capability',
    expected: lines(
      ...Array(2)
        .fill(['uid 1000 euid 1000', `CapPrm:\t${NONE}`, `CapEff:\t${NONE}`])
        .flat(),
    ),
  },
  {
    title: "X32 keyrings: the caller's keys are not there, even when calls are not filtered",
    flags: ['--security-opt', 'seccomp=unconfined'],
    script: '/probe keyring | sed "s/^[0-9]* //; s/_ses.[0-9a-f]*/_ses.ID/; s/;[0-9a-f]*;/;MASK;/"',
    expected: /_ses\.ID\nrequest_key ENOKEY\n$/,
    unlikeDocker: 'the name of the keyring is the id alone there',
  },
  {
    title: 'X33 devices that the container makes',
    script: `mknod /a b 8 0; mknod /b c 1 1; mknod /c c 10 229; mknod /d c 10 232; mknod /e c 4 0; mknod /f c 1 11
      for f in a b c d e f; do (: </$f) 2>/dev/null && echo "opened $f"; done
      for f in null zero full random urandom; do head -c 0 /dev/$f && echo $f; done`,
    expected: lines('null', 'zero', 'full', 'random', 'urandom'),
  },
  {
    title: 'X44 no abstract socket of the host',
    script: 'grep -c @ /proc/net/unix',
    expected: '0\n',
  },
  {
    title: 'X50 what the command inherits',
    script: `grep -E "^(SigBlk|SigIgn|SigPnd|Seccomp_filters|NoNewPrivs)" /proc/self/status; umask; cat /proc/self/oom_score_adj
      cut -d" " -f 5,6,7,8,19 /proc/1/stat; ulimit -Sn; cat /proc/self/timerslack_ns; wc -c </proc/self/loginuid`,
    expected:
      /^SigPnd:\t0+\nSigBlk:\t0+\nSigIgn:\t0+\nNoNewPrivs:\t0\nSeccomp_filters:\t1\n0022\n0\n1 1 0 -1 0\n\d+\n50000\n\d+\n$/,
    unlikeDocker: 'its daemon decides about the limit of open files, and loads the filter twice in some versions',
  },
  {
    title: 'X03 pid 1 is the command alone',
    script: `ls -l /proc/1/exe /proc/1/cwd /proc/1/root | sed 's/.* \\//\\//'; tr '\\0' ' ' </proc/1/cmdline | head -c 5
      echo; grep -vE "busybox|heap|stack|vdso|vvar|vsyscall|00:00 0 *$" /proc/1/maps; ls /proc/1/fd; ls /proc/1/task`,
    expected: lines('/', '/bin/busybox', '/', 'sh -c', '0', '1', '2', '1'),
  },
  {
    title: 'X07 other processes of the container: nothing leads outside',
    flags: ['--init'],
    script:
      'ls /proc/1/root/ 2>&1 | grep -c denied; ls -l /proc/1/fd 2>/dev/null | grep -c -- "->"; cat /proc/1/environ | wc -c',
    expected: '1\n0\n0\n',
    unlikeDocker: 'its init is a program of the host, with the environment of the command',
  },
  {
    title: 'X21 the cgroups of the container',
    script: `for f in $(find /sys/fs/cgroup -type f -maxdepth 2); do (: >>$f) 2>/dev/null && echo "opened $f"; done
      find /sys/fs/cgroup -maxdepth 1 -exec mkdir {}/x \\; 2>/dev/null; grep -c " /sys/fs/cgroup.* ro," /proc/mounts | head -c 0; echo end`,
    expected: 'end\n',
  },
  {
    title: 'X18 what is masked tells nothing',
    script: `for f in kcore keys timer_list timer_stats sched_debug latency_stats; do test -e /proc/$f && wc -c </proc/$f; done
      ls /proc/acpi /proc/asound /proc/scsi /sys/firmware /sys/devices/virtual/powercap 2>/dev/null | grep -v -e : -e "^$"`,
    expected: /^(0\n)*$/,
  },
  {
    title: 'X25 capabilities above those of the kernel stay unset',
    flags: ['--cap-add', 'ALL'],
    script: 'grep CapBnd /proc/self/status | grep -c "000001ff"',
    expected: '1\n',
    unlikeDocker: 'it fails on a machine that lacks one of them',
  },
];
