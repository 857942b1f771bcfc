/** Runs a stage-2 program: from a sealed file in memory, or from a private file where the kernel forbids that. */
import { closeSync, constants, readSync, rmSync, writeFileSync } from 'node:fs';
import { isErrno } from '../../../store/errors.js';
import { makePipe, sealedExecutable } from '../../../store/linux/anonymous-file.js';
import { type Exit, spawnInSession } from '../../../store/linux/spawn.js';
import { PROCESS_REPORT } from '../program/container-program.js';
import { END_REPORT, END_REPORT_SIZE, REPORT } from '../program/supervisor.js';
import { executable } from '../stage2/elf.js';
import type { Program } from '../stage2/program.js';
import { endOfChild } from './end-of-child.js';

/** A failure of the set-up or of the last step: which operation, and its errno as a positive number. */
export interface Failure {
  operation: number;
  errno: number;
}

export interface Stage2Process {
  /** The process that was started: the supervisor, outside all namespaces; undefined after its end. */
  outerPid(): number | undefined;
  /** Settles when the container and what stands around it have ended. */
  ended: Promise<Exit>;
  /** The container's first process as this process sees it; undefined until it reported, or after its end. */
  pid(): number | undefined;
  /** What the report pipe holds once the process ended. */
  failure(): Failure | undefined;
  /** How it ended, where the program was asked to tell. */
  end(): ProcessEnd | undefined;
  /** Kills the container, if it has not ended. */
  kill(): void;
  close(): void;
}

export interface ProcessEnd {
  /** What killed the first process of the container. */
  signal: number | undefined;
  /** Of all processes that were waited for, microseconds. */
  cpuUs: number;
  /** The largest resident size of one of them, bytes. */
  maxRss: number;
}

export interface Stage2Request {
  program: Program;
  /** What becomes 0, 1 and 2. */
  stdio: readonly number[];
  /** What becomes 3 and so on; the first place is for the report pipe and is filled in here. */
  inherited: (report: number) => readonly number[];
  /** Where the executable goes if it cannot live in memory; a directory of root. */
  folder: string;
  /** Whether this process has to live until its end; default true. */
  keepsAlive?: boolean;
}

export function startStage2({ program, stdio, inherited, folder, keepsAlive = true }: Stage2Request): Stage2Process {
  const report = makePipe(constants.O_NONBLOCK);
  const file = placeExecutable(executable(program.architecture, program.image(REPORT)), folder);
  try {
    const descriptors = [...stdio, ...inherited(report.write)];
    // A session of its own: signals of the caller's terminal are for the caller, who hands them on to the container. With
    // --init the container sees this name as its first process.
    const supervisor = spawnInSession({ ...file.place, argv: ['tsrun-init'], descriptors });
    const pipe = reader(report.read);
    let isOver = false;
    const ended = endOfChild(supervisor, { keepsAlive }).then((exit) => {
      isOver = true;
      return exit;
    });
    // The container's first process takes all others of its pid namespace along.
    const kill = (): void => void (isOver || process.kill(pipe.pid() ?? supervisor, 'SIGKILL'));
    return { ended, kill, outerPid: () => (isOver ? undefined : supervisor), ...pipe };
  } catch (error) {
    closeSync(report.read);
    throw error;
  } finally {
    closeSync(report.write);
    file.release();
  }
}

interface Executable {
  place: { path: string; through?: number };
  release: () => void;
}

function placeExecutable(content: Buffer, folder: string): Executable {
  const fd = sealedExecutable('tspull-stage2', content);
  if (fd !== undefined) return { place: { path: `/proc/self/fd/${fd}`, through: fd }, release: () => closeSync(fd) };
  const path = `${folder}/stage2-${process.pid}`;
  writeFileSync(path, content, { mode: 0o700, flag: 'wx' });
  return { place: { path }, release: () => rmSync(path) };
}

const PROCESS_SIZE = 24;
const FAILURE_SIZE = 16;

function reader(fd: number): Omit<Stage2Process, 'ended' | 'kill' | 'outerPid'> {
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
      if (rest.length < FAILURE_SIZE || rest.toString('latin1').startsWith(END_REPORT)) return undefined;
      return { operation: Number(rest.readBigInt64LE(0)), errno: -Number(rest.readBigInt64LE(8)) };
    },
    end() {
      const last = seen.subarray(-END_REPORT_SIZE);
      return last.toString('latin1').startsWith(END_REPORT) ? readEnd(last.subarray(END_REPORT.length)) : undefined;
    },
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** The status and struct rusage (getrusage(2)): two times as seconds and microseconds, then the size in KiB. */
function readEnd(report: Buffer): ProcessEnd {
  const signal = report.readInt32LE(0) & 0x7f;
  const number = (at: number): number => Number(report.readBigInt64LE(at));
  return {
    signal: signal === 0 ? undefined : signal,
    cpuUs: (number(8) + number(24)) * 1_000_000 + number(16) + number(32),
    maxRss: number(40) * 1024,
  };
}
