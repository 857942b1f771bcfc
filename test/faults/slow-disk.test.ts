/** A disk that is slower than the network (N09): what comes is not piled up in memory; and memory that is short (N08). */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { buildImage, type Image } from '../../fixtures/registry/image.js';
import { findHierarchies } from '../../src/run/cgroup/hierarchies.js';
import { isErrno } from '../../store/errors.js';
import { bundledProgram } from '../support/cli.js';
import { missing } from '../support/needs.js';
import { repository, serve } from '../support/registry.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

const skip = missing('root', 'strace');
const MiB = 1024 * 1024;

/** Layers of 16 MiB that do not compress. */
function bigImage(layers: number): Image {
  const noise = randomBytes(16 * MiB);
  return buildImage({
    layers: Array.from({ length: layers }, (_, index) => tar(file(`noise-${index}`, '', { content: noise }))),
    compression: 'none',
  });
}

/** Runs a program to its end; the most memory that it had, in bytes, as the kernel counts it for the process. */
async function peakOf(program: string, args: readonly string[], isIt: (commandLine: string) => boolean) {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let peak = 0;
  let pid: number | undefined;
  const look = (): void => {
    pid ??= [child.pid ?? 0, ...childrenOf(child.pid ?? 0)].find((one) => isIt(read(`/proc/${one}/cmdline`)));
    const [, kilobytes = '0'] = /^VmHWM:\s+(\d+)/m.exec(read(`/proc/${pid}/status`)) ?? [];
    peak = Math.max(peak, Number(kilobytes) * 1024);
  };
  const timer = setInterval(look, 20);
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(timer);
  return { status, stderr, peak };
}

const childrenOf = (pid: number): number[] =>
  read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    // It ended, or has not begun.
    if (isErrno(error, 'ENOENT', 'ESRCH')) return '';
    throw error;
  }
}

async function pulled(t: TestContext, layers: number) {
  const { host } = await serve(t, { image: bigImage(layers) });
  const root = join(tempDir(t), 'root');
  return { root, args: [bundledProgram('tspull'), '--root', root, '-q', `${host}/${repository}:1`] };
}

test('32 layers of 16 MiB on a disk that takes 20 ms for each write', { skip, timeout: 180_000 }, async (t) => {
  const { root, args } = await pulled(t, 32);
  // strace holds each thread when it comes back from the kernel.
  const slow = [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=pwrite64,write',
    '-e',
    'inject=pwrite64,write:delay_exit=20000',
  ];
  const isIt = (line: string): boolean => line.startsWith(process.execPath);
  const { status, stderr, peak } = await peakOf('strace', [...slow, process.execPath, ...args], isIt);
  assert.equal(status, 0, stderr);
  t.diagnostic(`${Math.round(peak / MiB)} MiB`);
  assert.ok(peak > 30 * MiB && peak < 250 * MiB, `${peak / MiB} MiB`);
  checkStore(root);
});

const { v1 } = findHierarchies();
const memory = v1.get('memory');
const skipMemory = skip || (memory === undefined && 'needs the cgroup controller memory of version 1');

test('a pull of 256 MiB with 192 MiB of memory for all', { skip: skipMemory, timeout: 120_000 }, async (t) => {
  const { root, args } = await pulled(t, 16);
  const folder = join(memory ?? '', `tspull-test-${process.pid}`);
  mkdirSync(folder);
  t.after(() => rmdirSync(folder));
  writeFileSync(join(folder, 'memory.limit_in_bytes'), String(192 * MiB));
  const enter = `echo $$ >${folder}/cgroup.procs; exec "$@"`;
  const isIt = (line: string): boolean => line.startsWith(process.execPath);
  const { status, stderr } = await peakOf('sh', ['-c', enter, 'sh', process.execPath, ...args], isIt);
  assert.equal(status, 0, stderr);
  checkStore(root);
});
