/** Confines itself to a folder, then tries everything that changes files, there and elsewhere. */
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { errnoCode } from '../../../store/errors.js';
import { AT_FDCWD, mknodAt } from '../../../store/linux/inode.js';
import { confineChanges } from '../../../store/linux/landlock.js';
import { cstring } from '../../../store/linux/libc.js';

const { inside, outside } = workerData as { inside: string; outside: string };
const isConfined = confineChanges([inside]);

function attempt(work: () => void): string {
  try {
    work();
    return 'done';
  } catch (error) {
    return errnoCode(error) ?? String(error);
  }
}

const tries = (folder: string): Record<string, string> => ({
  write: attempt(() => writeFileSync(join(folder, 'new'), 'x')),
  append: attempt(() => appendFileSync(join(folder, 'file'), 'x')),
  truncate: attempt(() => truncateSync(join(folder, 'file'))),
  mkdir: attempt(() => mkdirSync(join(folder, 'dir'))),
  symlink: attempt(() => symlinkSync('x', join(folder, 'link'))),
  fifo: attempt(() => mknodAt(AT_FDCWD, cstring(join(folder, 'fifo')), 0o010600)),
  hardlink: attempt(() => linkSync(join(folder, 'file'), join(folder, 'sub/hard'))),
  rename: attempt(() => renameSync(join(folder, 'other'), join(folder, 'sub/moved'))),
  rmdir: attempt(() => rmdirSync(join(folder, 'empty'))),
  unlink: attempt(() => rmSync(join(folder, 'gone'))),
  throughLink: attempt(() => writeFileSync(join(folder, 'to-outside'), 'x')),
  read: attempt(() => readFileSync(join(folder, 'file'))),
});

// The threads of the pool are those that the main thread started.
const pool = await writeFile(join(outside, 'by-the-pool'), 'x').then(
  async () => (await readFile(join(outside, 'by-the-pool'), 'utf8')) === 'x',
  () => false,
);
parentPort?.postMessage({ isConfined, inside: tries(inside), outside: tries(outside), pool });
