/**
 * The processes around a container. The first one is a child of the command line program; it dies with it
 * (PR_SET_PDEATHSIG) and hands on the exit status. The container must die too, whatever it does to itself, so between
 * them stands the first process of an outer pid namespace: when that one is killed, the kernel kills everything in the
 * namespace and in those below.
 *
 *     tsrun ── supervisor ── outer pid 1 ── the container's pid 1
 *
 * In the host's pid namespace there is no such guard: the container's process gets the death signal itself.
 */
import type { Program, Slot } from '../stage2/program.js';
import * as c from './constants.js';

/** The descriptor of the report pipe in every stage-2 process. */
export const REPORT = 3;

export interface SupervisorPlan {
  /** Namespaces of the container's first process, CLONE_ flags. */
  namespaces: number;
  ownPid: boolean;
  /** The descriptor of another container's pid namespace to start it in. */
  joinedPid: number | undefined;
  /** Makes the parent of the container one of the user namespace that all its namespaces shall belong to. */
  enterUserNamespace: (() => void) | undefined;
  /** The descriptor of the cgroup (version 2) to start it in. */
  cgroup: number | undefined;
  /** Descriptors from here on are not ours: they leaked into the command line program. */
  firstStray: number;
  /** Whether {@link END_REPORT} is sent. */
  reportsEnd: boolean;
}

/** Marks the message about the end: then come the status and the struct rusage that wait4(2) stored, 8 and 144 bytes. */
export const END_REPORT = 'ended:  ';
export const END_REPORT_SIZE = 160;

/** Everything that follows in the program is done by the container's first process. */
export function addSupervisor(program: Program, plan: SupervisorPlan): void {
  // Without a report pipe somebody else started this file, say an image whose entrypoint is `#!/proc/self/exe`.
  program.call('fcntl', [REPORT, c.F_GETFD]);
  // The caller's directory could not be unmounted as long as the container runs.
  program.call('chdir', ['/']);
  program.call('prctl', [c.PR_SET_DUMPABLE, 0]);
  program.call('close_range', [plan.firstStray, c.LAST_DESCRIPTOR, 0], 'inherited descriptors');
  addDeathSignal(program);
  if (plan.ownPid) {
    forkAndWait(program, 'the outer process', (pid) =>
      program.call('clone', [c.CLONE_NEWPID | c.SIGCHLD], 'a pid namespace', pid),
    );
    addDeathSignal(program);
  }
  if (plan.joinedPid !== undefined)
    program.call('setns', [plan.joinedPid, c.CLONE_NEWPID], 'the pid namespace of a container');
  plan.enterUserNamespace?.();
  const flags = plan.namespaces | (plan.ownPid ? c.CLONE_NEWPID : 0);
  forkAndWait(program, 'the container', forkInto(program, flags, plan.cgroup), plan.reportsEnd);
  if (!plan.ownPid) addDeathSignal(program);
}

/**
 * Die when the parent dies. It may have died before the call: then the reader of the report pipe is gone, which poll(2)
 * tells.
 */
export function addDeathSignal(program: Program): void {
  const poll = Buffer.alloc(8); // struct pollfd: descriptor, no events; errors are always reported
  poll.writeInt32LE(REPORT, 0);
  const proceed = program.label();
  program.call('prctl', [c.PR_SET_PDEATHSIG, c.SIGKILL]);
  const noTime = program.bytes(Buffer.alloc(16));
  program.call('ppoll', [program.bytes(poll), 1, noTime, 0, 0], '', { onZero: proceed });
  program.call('exit_group', [125]);
  program.mark(proceed);
}

type Fork = (options: { save: Slot; onZero: ReturnType<Program['label']> }) => void;

/** @param cgroup the descriptor of the cgroup (version 2) to start the child in */
export function forkInto(program: Program, namespaces: number, cgroup: number | undefined): Fork {
  return (pid) => {
    if (cgroup === undefined) program.call('clone', [namespaces | c.SIGCHLD], 'the namespaces', pid);
    else
      program.call('clone3', [cloneArguments(program, namespaces, cgroup), 88], 'the namespaces and the cgroup', pid);
  };
}

/** The parent waits for the child and ends as it did; what follows is done by the child. */
export function forkAndWait(program: Program, what: string, fork: Fork, reportsEnd = false): void {
  const pid = program.slot();
  const child = program.label();
  const report = Buffer.alloc(reportsEnd ? END_REPORT_SIZE : END_REPORT.length + 8);
  report.write(END_REPORT);
  const message = program.bytes(report);
  const status: Slot = { address: message + END_REPORT.length };
  fork({ save: pid, onZero: child });
  // Holding the container's pipes open would keep their other ends from seeing the end.
  if (reportsEnd) program.call('close_range', [0, REPORT - 1, 0]);
  program.call('close_range', [reportsEnd ? REPORT + 1 : 0, c.LAST_DESCRIPTOR, 0]);
  program.call('wait4', [pid, status.address, 0, reportsEnd ? status.address + 8 : 0], what);
  if (reportsEnd) program.call('write', [REPORT, message, END_REPORT_SIZE], 'the end', { ignore: true });
  program.exitAsWaited(status);
  program.mark(child);
}

/** struct clone_args of linux/sched.h. */
function cloneArguments(program: Program, flags: number, cgroup: number): number {
  const args = Buffer.alloc(88);
  args.writeBigUInt64LE(BigInt(flags) | c.CLONE_INTO_CGROUP, 0);
  args.writeBigUInt64LE(BigInt(c.SIGCHLD), 32);
  args.writeBigUInt64LE(BigInt(cgroup), 80);
  return program.bytes(args);
}
