/** Runs a stage-2 program: from a sealed file in memory, or from a private file where the kernel forbids that. */
import { closeSync, constants, readSync, rmSync, writeFileSync } from 'node:fs';
import { isErrno } from '../../../store/errors.js';
import { makePipe, sealedExecutable } from '../../../store/linux/anonymous-file.js';
import { spawnInSession } from '../../../store/linux/spawn.js';
import { PROCESS_REPORT } from '../program/container-program.js';
import { REPORT } from '../program/supervisor.js';
import { executable } from '../stage2/elf.js';
import type { Program } from '../stage2/program.js';

/** A failure of the set-up or of the last step: which operation, and its errno as a positive number. */
export interface Failure {
  operation: number;
  errno: number;
}

export interface Stage2Process {
  /** The supervisor, a child of this process that somebody has to wait for. */
  supervisor: number;
  /** The container's first process as this process sees it; undefined until it reported, or after its end. */
  pid(): number | undefined;
  /** What the report pipe holds once the process ended. */
  failure(): Failure | undefined;
  close(): void;
}

export interface Stage2Request {
  program: Program;
  /** What becomes 0, 1 and 2. */
  stdio: readonly number[];
  /** What becomes 3 and so on; the first place is for the report pipe and is filled in here. */
  inherited: (report: number) => readonly number[];
  /** Where the executable goes if it cannot live in memory; a directory of root. */
  folder: string;
}

export function startStage2({ program, stdio, inherited, folder }: Stage2Request): Stage2Process {
  const report = makePipe(constants.O_NONBLOCK);
  const file = placeExecutable(executable(program.architecture, program.image(REPORT)), folder);
  try {
    const descriptors = [...stdio, ...inherited(report.write)];
    // A session of its own: signals of the caller's terminal are for the caller, who hands them on to the container. With
    // --init the container sees this name as its first process.
    const supervisor = spawnInSession({ path: file.path, argv: ['tsrun-init'], descriptors });
    return { supervisor, ...reader(report.read) };
  } catch (error) {
    closeSync(report.read);
    throw error;
  } finally {
    closeSync(report.write);
    file.release();
  }
}

function placeExecutable(content: Buffer, folder: string): { path: string; release: () => void } {
  const fd = sealedExecutable('tspull-stage2', content);
  if (fd !== undefined) return { path: `/proc/self/fd/${fd}`, release: () => closeSync(fd) };
  const path = `${folder}/stage2-${process.pid}`;
  writeFileSync(path, content, { mode: 0o700, flag: 'wx' });
  return { path, release: () => rmSync(path) };
}

const PROCESS_SIZE = 24;
const FAILURE_SIZE = 16;

function reader(fd: number): Omit<Stage2Process, 'supervisor'> {
  let seen = Buffer.alloc(0);
  let open = true;
  const drain = (): void => {
    const buffer = Buffer.alloc(256);
    try {
      for (let count = 1; open && count > 0; ) {
        count = readSync(fd, buffer);
        seen = Buffer.concat([seen, buffer.subarray(0, count)]);
      }
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error;
    }
  };
  return {
    pid() {
      drain();
      if (!seen.toString('latin1').startsWith(PROCESS_REPORT) || seen.length < PROCESS_SIZE) return undefined;
      const digits = seen.toString('latin1', PROCESS_REPORT.length, PROCESS_SIZE);
      return Number.parseInt(digits, 10);
    },
    failure() {
      drain();
      const rest = seen.toString('latin1').startsWith(PROCESS_REPORT) ? seen.subarray(PROCESS_SIZE) : seen;
      if (rest.length < FAILURE_SIZE) return undefined;
      return { operation: Number(rest.readBigInt64LE(0)), errno: -Number(rest.readBigInt64LE(8)) };
    },
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}
