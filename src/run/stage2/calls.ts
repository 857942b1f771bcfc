import type { Architecture } from './code.js';

/**
 * Numbers of the system calls that programs use: x86-64 and arm64, from the kernel's syscall tables. Only calls that
 * both have, so `openat` rather than `open`.
 */
const table = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  rt_sigprocmask: [14, 135],
  ioctl: [16, 29],
  socket: [41, 198],
  clone: [56, 220],
  execve: [59, 221],
  wait4: [61, 260],
  nanosleep: [35, 101],
  getpid: [39, 172],
  kill: [62, 129],
  fcntl: [72, 25],
  chdir: [80, 49],
  fchdir: [81, 50],
  umask: [95, 166],
  setpgid: [109, 154],
  setsid: [112, 157],
  setgroups: [116, 159],
  setresuid: [117, 147],
  setresgid: [119, 149],
  capset: [126, 91],
  rt_sigtimedwait: [128, 137],
  pivot_root: [155, 41],
  prctl: [157, 167],
  mount: [165, 40],
  umount2: [166, 39],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  exit_group: [231, 94],
  keyctl: [250, 219],
  openat: [257, 56],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  fchownat: [260, 54],
  symlinkat: [266, 36],
  readlinkat: [267, 78],
  ppoll: [271, 73],
  unshare: [272, 97],
  prlimit64: [302, 261],
  setns: [308, 268],
  seccomp: [317, 277],
  open_tree: [428, 428],
  move_mount: [429, 429],
  clone3: [435, 435],
  close_range: [436, 436],
  openat2: [437, 437],
  mount_setattr: [442, 442],
} as const satisfies Record<string, readonly [x64: number, arm64: number]>;

export type Call = keyof typeof table;

export function callNumber(call: Call, architecture: Architecture): number {
  return table[call][architecture === 'x64' ? 0 : 1];
}
