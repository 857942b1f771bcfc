/**
 * Kills a program at its n-th call that changes a file system, for any n. strace delivers the signal when the call begins, so the
 * call itself is never made. Calls are counted for each thread, so the program should do its work on one.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/dockerd.js';

const calls = [
  'mkdir,mkdirat,rmdir,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mknod,mknodat',
  'write,pwrite64,writev,pwritev,ftruncate,chmod,fchmod,fchmodat,chown,lchown,fchown,fchownat,utimensat',
  'setxattr,lsetxattr,fsetxattr,fsync,fdatasync,syncfs,flock',
].join(',');

export interface Victim {
  command: readonly string[];
  env?: NodeJS.ProcessEnv;
}

function strace({ command, env }: Victim, options: readonly string[], output: string) {
  const args = ['-f', '-qq', '--seccomp-bpf', '-e', `trace=${calls}`, ...options, '-o', output, ...command];
  return run('strace', args, { env: { ...process.env, ...env, UV_THREADPOOL_SIZE: '1' } });
}

/** Runs it to its end; how many calls its busiest thread makes. */
export async function countCalls(victim: Victim, folder: string): Promise<number> {
  const log = join(folder, 'calls');
  const { status, stderr } = await strace(victim, [], log);
  if (status !== 0) throw new Error(`the program failed by itself: ${stderr}`);
  const threads = new Map<string, number>();
  for (const line of readFileSync(log, 'latin1').split('\n')) {
    const [thread = ''] = line.split(' ');
    // What strace shows in two parts, because another thread came between, is one call.
    if (/^\d+ +\w+\(/.test(line)) threads.set(thread, (threads.get(thread) ?? 0) + 1);
  }
  return Math.max(...threads.values());
}

/** Runs it and kills it; false when it made fewer calls and ended by itself. */
export async function runKilledAt(victim: Victim, n: number): Promise<boolean> {
  const { status, stderr } = await strace(victim, ['-e', `inject=${calls}:signal=KILL:when=${n}`], '/dev/null');
  // strace ends in the same way as the program.
  if (status === null) return true;
  if (status === 0) return false;
  throw new Error(`the program failed by itself with ${status}: ${stderr}`);
}
