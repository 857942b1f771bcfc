/** Constants of Linux headers that programs use. The same on x86-64 and arm64. */

// linux/sched.h
export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWCGROUP = 0x02000000;
export const CLONE_NEWUTS = 0x04000000;
export const CLONE_NEWIPC = 0x08000000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;
export const CLONE_INTO_CGROUP = 0x200000000n;

// signal.h
export const SIGKILL = 9;
export const SIGCHLD = 17;
export const SIG_BLOCK = 0;
export const SIG_SETMASK = 2;
/** Bytes of a signal set as the kernel counts them. */
export const SIGSET_SIZE = 8;

// linux/prctl.h
export const PR_SET_PDEATHSIG = 1;
export const PR_SET_DUMPABLE = 4;
export const PR_SET_KEEPCAPS = 8;
export const PR_CAPBSET_DROP = 24;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_CAP_AMBIENT = 47;
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;

// fcntl.h
export const F_GETFD = 1;
export const F_SETFD = 2;
export const FD_CLOEXEC = 1;

// linux/close_range.h takes unsigned numbers; this is the largest.
export const LAST_DESCRIPTOR = 0xffffffff;
export const CLOSE_RANGE_CLOEXEC = 4;

// asm-generic/ioctls.h, linux/sockios.h
export const TIOCSCTTY = 0x540e;
export const TIOCSPGRP = 0x5410;
export const SIOCGIFFLAGS = 0x8913;
export const SIOCSIFFLAGS = 0x8914;
export const IFF_UP = 1;
export const AF_INET = 2;
export const SOCK_DGRAM = 2;

// linux/keyctl.h
export const KEYCTL_JOIN_SESSION_KEYRING = 1;

// sys/wait.h
export const WNOHANG = 1;

// linux/seccomp.h
export const SECCOMP_SET_MODE_FILTER = 1;

// linux/stat.h
export const S_IFREG = 0o100000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;
