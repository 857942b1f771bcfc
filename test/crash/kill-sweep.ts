/**
 * Kills a program at any of its calls that change a file system, or lets that call fail. strace delivers the signal when the call
 * begins, so the call itself is never made.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, run } from '../support/dockerd.js';

const changing = [
  'mkdir,mkdirat,rmdir,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mknod,mknodat',
  'write,pwrite64,writev,pwritev,ftruncate,chmod,fchmod,fchmodat,chown,lchown,fchown,fchownat,utimensat',
  'setxattr,lsetxattr,fsetxattr,fsync,fdatasync,syncfs,flock',
].join(',');

export interface Victim {
  command: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Other calls than those that change a file system. */
  calls?: string;
}

function strace({ command, env, calls = changing }: Victim, options: readonly string[], output: string) {
  // Not with --seccomp-bpf: strace 6.1 then delivers no signal.
  const args = ['-f', '-qq', '-e', `trace=${calls}`, ...options, '-o', output, ...command];
  return run('strace', args, { env: { ...process.env, ...env, UV_THREADPOOL_SIZE: '1' } });
}

/** An instant in a program's life: its `nth` call of this kind, counted for each thread by itself, as strace does. */
export interface Instant {
  call: string;
  nth: number;
}

/** Runs the program to its end; the instants it had, in order; with `below`, only those of calls on files below that path. */
export async function listInstants(victim: Victim, folder: string, below = ''): Promise<Instant[]> {
  const log = join(folder, 'calls');
  // -y shows the paths of descriptors.
  const { status, stderr } = await strace(victim, ['-y'], log);
  if (status !== 0) throw new Error(`the program failed by itself: ${stderr}`);
  const counts = new Map<string, number>();
  const instants = new Map<string, Instant>();
  for (const line of readFileSync(log, 'latin1').split('\n')) {
    // What strace shows in two parts, because another thread came between, is one call: the second has no "(" here.
    const [, thread = '', call = ''] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (call === '') continue;
    const nth = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, nth);
    if (line.includes(below)) instants.set(`${call} ${nth}`, { call, nth });
  }
  return [...instants.values()];
}

/** Runs it and kills it, or whichever of its children comes to that instant of its own first. */
export function killAt(victim: Victim, { call, nth }: Instant): Promise<CommandResult> {
  return strace(victim, ['-e', `inject=${call}:signal=KILL:when=${nth}`], '/dev/null');
}

/** Runs it and kills it; false when it did not come to that instant and ended by itself. */
export async function runKilledAt(victim: Victim, instant: Instant): Promise<boolean> {
  const { status, stderr } = await killAt(victim, instant);
  // strace ends in the same way as the program.
  if (status === null) return true;
  if (status === 0) return false;
  throw new Error(`the program failed by itself with ${status}: ${stderr}`);
}

/** Runs it and lets that one call fail: the kernel does nothing, and says what `errno` names. */
export function runFailingAt(victim: Victim, { call, nth }: Instant, errno: string): Promise<CommandResult> {
  return strace(victim, ['-e', `inject=${call}:error=${errno}:when=${nth}`], '/dev/null');
}
