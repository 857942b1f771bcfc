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
static int apart(long (*call)(long, const long *), long number, const long *words) {
  pid_t pid = fork();
  if (pid == 0) {
    alarm(1);
    setsid();
    errno = 0;
    call(number, words);
    _exit(errno > 250 ? 250 : errno);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static long native(long number, const long *words) { return syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]); }

static int attempt(long number, long a, long b, long c, long d, long e, long f) { return apart(native, number, (long[]){a, b, c, d, e, f}); }

/* Those that are refused before the kernel looks at an argument: EPERM, or ENOSYS for what the filter does not know. */
static void sweep(long (*call)(long, const long *), const long *skipped, size_t count) {
  for (long number = 0; number < 470; number++) {
    int skip = 0;
    for (size_t i = 0; i < count; i++) skip |= skipped[i] == number;
    if (skip) continue;
    int result = apart(call, number, (long[]){-1, -1, -1, -1, -1, -1});
    if (result == EPERM || result == ENOSYS) printf("%ld %s\n", number, result == EPERM ? "EPERM" : "ENOSYS");
  }
}

static void refused(void) {
  /* They end, stop, or copy the process, and would answer as the child. */
  static const long skipped[] = {SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_fork, SYS_vfork, SYS_clone, SYS_pause, SYS_kill, SYS_tkill, SYS_tgkill, SYS_vhangup, SYS_reboot, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo};
  sweep(native, skipped, sizeof skipped / sizeof *skipped);
}

#ifdef __x86_64__
/* The old gate, by which a 64-bit program makes calls with the numbers of i386 (arch/x86/entry/syscalls/syscall_32.tbl). */
static long old_gate(long number, const long *words) {
  long result, last = words[5];
  __asm__ volatile("xchg %%rbp, %[last]\n\tint $0x80\n\txchg %%rbp, %[last]" : "=a"(result), [last] "+r"(last) : "a"(number), "b"(words[0]), "c"(words[1]), "d"(words[2]), "S"(words[3]), "D"(words[4]) : "memory", "r8", "r9", "r10", "r11");
  if (result < 0) errno = -result;
  return result < 0 ? -1 : result;
}

static void i386(void) {
  static const struct { const char *name; long number, first; } calls[] = {
      {"getpid", 20, 0}, {"mount", 21, 0}, {"umount2", 52, 0}, {"reboot", 88, 0}, {"iopl", 110, 3}, {"init_module", 128, 0}, {"personality 8", 136, 8}, {"personality 1", 136, 1}, {"personality 8 and more above", 136, 0x100000008}, {"pivot_root", 217, 0}, {"kexec_load", 283, 0}, {"add_key", 286, 0}, {"keyctl", 288, 0}, {"unshare", 310, CLONE_NEWNS}, {"clone NEWUSER", 120, CLONE_NEWUSER | SIGCHLD}, {"perf_event_open", 336, 0}, {"open_by_handle_at", 342, -1}, {"setns", 346, 0}, {"bpf", 357, 0}, {"socket vsock", 359, 40}, {"userfaultfd", 374, 0}, {"io_uring_setup", 425, 1}, {"fsopen", 430, 0}, {"clone3", 435, 0}};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    int result = apart(old_gate, calls[i].number, (long[]){calls[i].first, 0, 0, 0, 0, 0});
    if (result == 1000 + SIGSEGV) { printf("no such gate\n"); return; }
    printf("%s %s\n", calls[i].name, result == 0 ? "allowed" : strerrorname_np(result));
  }
}

static void refused_i386(void) {
  /* exit fork pause kill vfork clone exit_group sigreturn rt_sigreturn tkill tgkill vhangup reboot rt_sigqueueinfo rt_tgsigqueueinfo */
  static const long skipped[] = {1, 2, 29, 37, 190, 120, 252, 119, 173, 238, 270, 111, 88, 178, 335};
  sweep(old_gate, skipped, sizeof skipped / sizeof *skipped);
}
#endif

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

/* Exchanges two names for ever; one may be missing for a moment. */
static int swap(const char *one, const char *other) {
  for (;;) if (syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2) < 0 && errno != ENOENT) return say("renameat2", -1), 1;
}

static void terminal(const char *text) {
  for (const char *at = text; *at; at++) if (ioctl(0, TIOCSTI, at) < 0) { say("TIOCSTI", -1); return; }
  printf("stuffed\n");
}

int main(int count, char **words) {
  setvbuf(stdout, 0, _IONBF, 0);
  const char *word = count > 1 ? words[1] : "ids";
  if (!strcmp(word, "refused")) refused();
#ifdef __x86_64__
  else if (!strcmp(word, "i386")) i386();
  else if (!strcmp(word, "refused-i386")) refused_i386();
#endif
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
