/** Wall time, processor time and memory of one command, with the daemons that work for it. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { isErrno } from '../../store/errors.js';

export interface Measurement {
  /** Seconds. */
  wall: number;
  /** Seconds of user and system time, daemons included. */
  cpu: number;
  /** Peak resident bytes of the command's own process. */
  rss: number;
}

export type Command = readonly [string, ...string[]];

/** USER_HZ of Linux. */
const ticksPerSecond = 100;
const pollMs = 20;

/** @throws when the command fails */
export async function measure([program, ...args]: Command, daemons: readonly number[] = []): Promise<Measurement> {
  const before = ticksOf(daemons) + ticksOfChildren();
  const start = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let rss = 0;
  const timer = setInterval(() => {
    rss = Math.max(rss, peakMemory(child.pid ?? 0));
  }, pollMs);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const wall = (performance.now() - start) / 1000;
  clearInterval(timer);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${status}\n${said}`);
  return { wall, cpu: (ticksOf(daemons) + ticksOfChildren() - before) / ticksPerSecond, rss };
}

/** Ended children of this process, with theirs. */
function ticksOfChildren(): number {
  const { cutime, cstime } = statOf('self') ?? { cutime: 0, cstime: 0 };
  return cutime + cstime;
}

/** The daemons and all processes below them; what has ended counts through whoever waited for it. */
function ticksOf(daemons: readonly number[]): number {
  if (daemons.length === 0) return 0;
  const all = readdirSync('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? (statOf(pid) ?? []) : []));
  const inside = new Set(daemons);
  for (let size = 0; size !== inside.size; ) {
    size = inside.size;
    for (const { pid, parent } of all) if (inside.has(parent)) inside.add(pid);
  }
  const ticks = all.filter(({ pid }) => inside.has(pid));
  return ticks.reduce((sum, { utime, stime, cutime, cstime }) => sum + utime + stime + cutime + cstime, 0);
}

interface Stat {
  pid: number;
  parent: number;
  utime: number;
  stime: number;
  cutime: number;
  cstime: number;
}

/** proc(5), /proc/PID/stat; the fields after the name in parentheses. */
function statOf(pid: string): Stat | undefined {
  const text = readIfThere(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0] = fields;
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
  return { pid: Number.parseInt(text, 10), parent, utime, stime, cutime, cstime };
}

function peakMemory(pid: number): number {
  const [, kibibytes = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readIfThere(`/proc/${pid}/status`) ?? '') ?? [];
  return Number(kibibytes) * 1024;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}
