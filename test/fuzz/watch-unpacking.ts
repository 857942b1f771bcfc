/** Starts processes that unpack damaged layers, and ends those that do not come on. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stagingDir } from '../../store/data-root.js';
import type { FuzzResult } from './unpack-damaged.js';

/** Processor time that one small layer may take, and time on the wall, which on a busy machine says little. */
const LONGEST_CPU_SECONDS = 5;
const LONGEST_WALL_MS = 60_000;
/** Of the fields utime and stime in proc(5): the kernel's USER_HZ. */
const TICKS_PER_SECOND = 100;

/** In memory where that is possible: 100 000 trees are made and removed. */
const inMemory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A data root, as far as staging needs it, with a tree beside the staged layers that must stay as it is. */
function makeRoot(): string {
  const root = mkdtempSync(join(inMemory, 'tspull-fuzz-'));
  const guard = join(stagingDir(root), 'guard');
  mkdirSync(join(guard, 'folder', 'below'), { recursive: true });
  writeFileSync(join(guard, 'file'), 'untouched');
  writeFileSync(join(guard, 'folder', 'file'), 'untouched', { mode: 0o600 });
  symlinkSync('file', join(guard, 'link'));
  return root;
}

function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** @throws Error that names the layer whose unpacking went wrong, or did not end */
export async function unpackDamaged(first: number, count: number): Promise<FuzzResult> {
  const root = makeRoot();
  const script = fileURLToPath(new URL('unpack-damaged.js', import.meta.url));
  const options = ['--enable-source-maps', script, root, String(first), String(count)];
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  let ended = false;
  const end = new Promise<void>((resolve) =>
    child.once('close', () => {
      ended = true;
      resolve();
    }),
  );
  const atWork = () => (existsSync(join(root, 'at')) ? readFileSync(join(root, 'at'), 'latin1').trim() : '');
  try {
    let since = { layer: '', cpu: 0, wall: Date.now() };
    while (!ended) {
      await Promise.race([end, delay(500)]);
      if (ended || child.pid === undefined || child.exitCode !== null) continue;
      const now = { layer: atWork(), cpu: cpuSeconds(child.pid), wall: Date.now() };
      if (now.layer !== since.layer) since = now;
      if (now.cpu - since.cpu < LONGEST_CPU_SECONDS && now.wall - since.wall < LONGEST_WALL_MS) continue;
      child.kill('SIGKILL');
      throw new Error(`layer ${now.layer} does not end`);
    }
    if (child.exitCode !== 0) throw new Error(`at layer ${atWork()}: ${child.signalCode ?? ''} ${stderr}`);
    return JSON.parse(stdout) as FuzzResult;
  } finally {
    child.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  }
}
