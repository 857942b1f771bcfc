/* What a shell cannot try from inside a container. Static; each word asks for one attempt and prints what came of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long result) { printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "allowed"); }

/* In a process of its own, which may be killed, stopped or never come back. */
static int attempt(long number, long a, long b, long c, long d, long e, long f) {
  pid_t pid = fork();
  if (pid == 0) {
    alarm(1);
    setsid();
    errno = 0;
    syscall(number, a, b, c, d, e, f);
    _exit(errno > 250 ? 250 : errno);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Those that are refused before the kernel looks at an argument: EPERM, or ENOSYS for what the filter does not know. */
static void refused(void) {
  for (long number = 0; number < 470; number++) {
    /* They end, stop, or copy the process, and would answer as the child. */
    static const long skipped[] = {SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_fork, SYS_vfork, SYS_clone, SYS_pause, SYS_kill, SYS_tkill, SYS_tgkill, SYS_vhangup, SYS_reboot, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo};
    int skip = 0;
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++) skip |= skipped[i] == number;
    if (skip) continue;
    int result = attempt(number, -1, -1, -1, -1, -1, -1);
    if (result == EPERM || result == ENOSYS) printf("%ld %s\n", number, result == EPERM ? "EPERM" : "ENOSYS");
  }
}

static void namespaces(void) {
  static const struct { const char *name; unsigned long flag; } kinds[] = {
      {"NEWNS", CLONE_NEWNS}, {"NEWCGROUP", CLONE_NEWCGROUP}, {"NEWUTS", CLONE_NEWUTS}, {"NEWIPC", CLONE_NEWIPC}, {"NEWUSER", CLONE_NEWUSER}, {"NEWPID", CLONE_NEWPID}, {"NEWNET", CLONE_NEWNET}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    errno = 0;
    long pid = syscall(SYS_clone, kinds[i].flag | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    printf("clone ");
    say(kinds[i].name, pid);
    if (pid > 0) waitpid(pid, 0, 0);
    printf("unshare ");
    say(kinds[i].name, unshare(kinds[i].flag));
  }
  uint64_t args[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
  say("clone3", syscall(SYS_clone3, args, sizeof args));
}

static void arguments(void) {
  static const long values[] = {0, 8, 0x20000, 0x20008, 0xffffffff, 1, 0x40000, 0x100000000};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    printf("personality %lx %d\n", values[i], attempt(SYS_personality, values[i], 0, 0, 0, 0, 0));
  }
  static const int families[] = {1, 2, 16, 38, 40};
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
    int result = attempt(SYS_socket, families[i], SOCK_STREAM, 0, 0, 0, 0);
    printf("socket %d %s\n", families[i], result == EPERM ? "EPERM" : "let through");
  }
  /* The upper half counts as well. */
  printf("personality high %d\n", attempt(SYS_personality, 0x100000008, 0, 0, 0, 0, 0));
}

static void others(void) {
  say("keyctl", syscall(SYS_keyctl, 0, -3, 0, 0, 0));
  say("add_key", syscall(SYS_add_key, "user", "probe", "x", 1, -3));
  say("bpf", syscall(SYS_bpf, 0, 0, 0));
  say("io_uring_setup", syscall(SYS_io_uring_setup, 1, 0));
  say("userfaultfd", syscall(SYS_userfaultfd, 0));
  say("perf_event_open", syscall(SYS_perf_event_open, 0, 0, -1, -1, 0));
  say("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, 0, 0));
  say("kexec_load", syscall(SYS_kexec_load, 0, 0, 0, 0));
  say("init_module", syscall(SYS_init_module, 0, 0, 0));
  say("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  say("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
  say("move_mount", syscall(SYS_move_mount, -1, "", -1, "", 0));
  say("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, 0, 0));
  say("pivot_root", syscall(SYS_pivot_root, ".", "."));
  say("setns", setns(0, 0));
  say("umount2", umount2("/proc/keys", MNT_DETACH));
  say("remount", mount(0, "/proc/sys", 0, MS_REMOUNT | MS_BIND, 0));
#ifdef __x86_64__
  say("iopl", syscall(SYS_iopl, 3));
  printf("x32 %d\n", attempt(0x40000000 + SYS_getpid, 0, 0, 0, 0, 0, 0) == 0);
  printf("x32 bpf %d\n", attempt(0x40000000 + SYS_bpf, 0, 0, 0, 0, 0, 0) == 0);
#endif
}

/* The key bits of the session keyring: what a container would share with its caller. Runs with the filter off. */
static void keyring(void) {
  char text[256] = "";
  long id = syscall(SYS_keyctl, 0, -3, 0, 0, 0);
  long length = syscall(SYS_keyctl, 6, -3, text, sizeof text - 1, 0);
  printf("%ld %s\n", id, length < 0 ? strerrorname_np(errno) : text);
  if (syscall(SYS_request_key, "user", "tspull-probe", 0, 0) < 0) say("request_key", -1);
  else printf("found the key of the caller\n");
}

/* Runs a command with a key in its session keyring. */
static int with_key(char **command) {
  if (syscall(SYS_keyctl, 1, "tspull-probe") < 0 || syscall(SYS_add_key, "user", "tspull-probe", "secret", 6, -3) < 0) return say("keyctl", -1), 1;
  execvp(*command, command);
  return say(*command, -1), 1;
}

/* Exchanges two names for ever. */
static int swap(const char *one, const char *other) {
  for (;;) if (syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2) < 0) return say("renameat2", -1), 1;
}

static void terminal(const char *text) {
  for (const char *at = text; *at; at++) if (ioctl(0, TIOCSTI, at) < 0) { say("TIOCSTI", -1); return; }
  printf("stuffed\n");
}

int main(int count, char **words) {
  setvbuf(stdout, 0, _IONBF, 0);
  const char *word = count > 1 ? words[1] : "ids";
  if (!strcmp(word, "refused")) refused();
  else if (!strcmp(word, "namespaces")) namespaces();
  else if (!strcmp(word, "arguments")) arguments();
  else if (!strcmp(word, "others")) others();
  else if (!strcmp(word, "keyring")) keyring();
  else if (!strcmp(word, "with-key")) return with_key(words + 2);
  else if (!strcmp(word, "swap")) return swap(words[2], words[3]);
  else if (!strcmp(word, "terminal")) terminal(words[2]);
  else {
    printf("uid %d euid %d\n", getuid(), geteuid());
    FILE *status = fopen("/proc/self/status", "r");
    for (char line[256]; fgets(line, sizeof line, status);) if (!strncmp(line, "CapEff", 6) || !strncmp(line, "CapPrm", 6)) printf("%s", line);
  }
  return 0;
}
