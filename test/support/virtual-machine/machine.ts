/**
 * A virtual machine with a kernel of its own, for what the host's cannot show: Debian's kernel, qemu, and the files of the
 * host read-only over 9p, so that Node, the built tree and all programs are those of the host. Needs no root.
 */
import { spawn } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { findProgram, missing, skipFor } from '../needs.js';
import { repository } from '../sources.js';
import { tempDir } from '../temp.js';
import { initramfs } from './initramfs.js';
import { findKernel, type Kernel, modulesFor } from './kernel.js';

const program = 'qemu-system-x86_64';

export interface Machine {
  /** What the command writes to its standard output, as it comes; ends when the machine is off. */
  lines: AsyncIterable<string>;
  /** The status of the command, once the machine is off; undefined when that came before the command's end. */
  status(): number | undefined;
  /** What the kernel and the command's standard error said so far. */
  console(): string;
}

/** For the `skip` option of a test. */
export function machineMissing(): string | false {
  if (process.arch !== 'x64') return skipFor('needs a processor of type x86-64');
  if (findKernel() === undefined) return skipFor('needs the kernel that scripts/fetch-test-kernel.sh fetches');
  return missing(program, 'busybox', 'setpriv');
}

export interface MachineOptions {
  command: readonly string[];
  timeoutMs: number;
  /** Of an empty disk, /dev/vda. */
  diskBytes: number;
}

/** Starts the machine; it ends with the command, with the test, or after `timeoutMs`. */
export function startMachine(
  t: Pick<TestContext, 'after'>,
  { command, timeoutMs, diskBytes }: MachineOptions,
): Machine {
  const folder = tempDir(t, 'tspull-machine-');
  const console = join(folder, 'console');
  const kernel = requiredKernel();
  writeFileSync(join(folder, 'initrd'), firstRoot(kernel, command));
  writeFileSync(join(folder, 'disk'), '');
  truncateSync(join(folder, 'disk'), diskBytes);
  // It dies with this process, however that ends: nobody would read what it writes, and it would wait for ever.
  const qemu = ['--pdeathsig', 'KILL', program, ...machineArguments(kernel, folder, console)];
  const child = spawn('setpriv', qemu, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  t.after(() => void child.kill('SIGKILL'));
  let status: number | undefined;
  async function* lines(): AsyncIterable<string> {
    for await (const line of createInterface({ input: child.stdout })) {
      const [, digits] = /^exit status (\d+)$/.exec(line) ?? [];
      if (digits === undefined) yield line;
      else status = Number(digits);
    }
  }
  return { lines: lines(), status: () => status, console: () => readFileSync(console, 'latin1') };
}

function requiredKernel(): Kernel {
  const kernel = findKernel();
  if (kernel === undefined) throw new Error('the kernel is missing');
  return kernel;
}

function machineArguments(kernel: Kernel, folder: string, console: string): string[] {
  return [
    // An emulator: slow, but it does the same everywhere. What newer processors have is slower than doing without.
    ...['-accel', process.env['TSPULL_TEST_ACCEL'] ?? 'tcg', '-cpu', 'Nehalem', '-smp', '2', '-m', '1024'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-serial', `file:${console}`, '-serial', 'stdio'],
    ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'],
    ...['-drive', `if=none,id=disk,format=raw,cache=unsafe,file=${join(folder, 'disk')}`],
    ...['-device', 'virtio-blk-pci,drive=disk'],
    ...['-kernel', kernel.image, '-initrd', join(folder, 'initrd'), '-append', kernelParameters.join(' ')],
  ];
}

/** Documentation/admin-guide/kernel-parameters.txt */
const kernelParameters = [
  'console=ttyS0',
  'quiet',
  // A machine that panics ends.
  'oops=panic',
  'panic=-1',
  // Translated code is found by its address: with the same in every process, it is translated once.
  'norandmaps',
  // The emulated processor's own clock, for which nothing needs to be emulated.
  'tsc=reliable',
  // What costs time and protects nobody here.
  'mitigations=off',
  'init_on_alloc=0',
  'lsm=capability,apparmor',
  'rcupdate.rcu_expedited=1',
];

function firstRoot(kernel: Kernel, command: readonly string[]): Buffer {
  const modules = modulesFor(kernel, [
    'virtio_pci',
    '9pnet_virtio',
    '9p',
    'overlay',
    'virtio_blk',
    'crc32c_generic',
    'ext4',
  ]);
  const inOrder = (index: number): string => String(index).padStart(2, '0');
  return initramfs([
    { path: 'bin/busybox', content: readFileSync(findProgram('busybox') ?? ''), executable: true },
    { path: 'init', content: readFileSync(join(repository, 'test/support/virtual-machine/init.sh')), executable: true },
    { path: 'command', content: command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ') },
    ...modules.map((file, index) => ({
      path: `modules/${inOrder(index)}-${basename(file)}`,
      content: readFileSync(file),
    })),
  ]);
}
