/** A real Docker daemon of a test's own: its data root, its socket, nothing shared with a daemon of the machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from './needs.js';
import { tempDir } from './temp.js';

export interface CommandResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Dockerd {
  /** For `docker -H`. */
  host: string;
  root: string;
  pid: number;
  /** Runs the docker command line against this daemon; never rejects for a status other than 0. */
  docker(args: readonly string[], input?: Uint8Array | string): Promise<CommandResult>;
  /** Ends the daemon cleanly, as a shutdown of the machine would. The data root stays. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export interface DockerdOptions {
  /** Data root to use, kept at the end; without it a fresh one that is removed with the test. */
  root?: string;
  args?: readonly string[];
}

/** What `missing()` must find before {@link startDockerd} can work. */
export const dockerdNeeds = ['root', 'dockerd', 'docker'] as const;

const startTimeoutMs = 30_000;
const stopTimeoutMs = 20_000;

export async function startDockerd(t: Pick<TestContext, 'after'>, options: DockerdOptions = {}): Promise<Dockerd> {
  // Before the hook that removes its folders, and would fail with what a running daemon holds.
  let end: (signal: NodeJS.Signals) => Promise<void> = async () => undefined;
  t.after(() => end('SIGTERM'));
  const home = tempDir(t, 'tspull-dockerd-');
  const root = options.root ?? join(home, 'data');
  const socket = join(home, 'docker.sock');
  const log = join(home, 'log');
  mkdirSync(root, { recursive: true });
  const child = spawnDaemon(home, log, [
    `--data-root=${root}`,
    `--exec-root=${join(home, 'exec')}`,
    `--pidfile=${join(home, 'pid')}`,
    `--host=unix://${socket}`,
    '--storage-driver=overlay2',
    '--iptables=false',
    '--ip6tables=false',
    '--bridge=none',
    ...(options.args ?? []),
  ]);
  const stop = async (signal: NodeJS.Signals) => {
    await endProcess(child, signal);
    unmountBelow(root, home);
  };
  end = stop;
  const host = `unix://${socket}`;
  const docker = (args: readonly string[], input?: Uint8Array | string) =>
    run('docker', ['-H', host, ...args], { input, env: { ...process.env, DOCKER_CONFIG: join(home, 'config') } });
  await waitUntilReady(child, docker, log);
  return { host, root, pid: child.pid ?? -1, docker, stop: () => stop('SIGTERM'), kill: () => stop('SIGKILL') };
}

function spawnDaemon(home: string, log: string, args: readonly string[]): ChildProcess {
  const output = openSync(log, 'a');
  // The directories of an administrator may be missing from PATH; dockerd looks for containerd and runc there.
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  try {
    return spawn(findProgram('dockerd') ?? 'dockerd', args, {
      cwd: home,
      stdio: ['ignore', output, output],
      env: { ...process.env, PATH: path },
    });
  } finally {
    closeSync(output);
  }
}

async function waitUntilReady(child: ChildProcess, docker: Dockerd['docker'], log: string): Promise<void> {
  const end = Date.now() + startTimeoutMs;
  for (;;) {
    const { status } = await docker(['version', '--format', '{{.Server.Version}}']);
    if (status === 0) return;
    if (hasEnded(child) || Date.now() > end)
      throw new Error(`dockerd did not start:\n${readFileSync(log, 'utf8').slice(-4000)}`);
    await delay(100);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}

/** dockerd may leave its data root bind-mounted on itself, and network namespaces below its exec root. */
function unmountBelow(...folders: string[]): void {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => folders.some((folder) => point === folder || point.startsWith(`${folder}/`)));
  const umount = findProgram('umount') ?? 'umount';
  for (const point of points.reverse()) spawnSync(umount, ['-l', point], { stdio: 'ignore' });
}

export interface RunOptions {
  input?: Uint8Array | string | undefined;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** Runs a program to its end and keeps what it printed. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const child = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout.on('data', (chunk: Buffer) => parts.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => parts.stderr.push(chunk));
  // A program that does not read its input closes the pipe early, which is its right.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) =>
      resolve({
        status,
        stdout: Buffer.concat(parts.stdout).toString(),
        stderr: Buffer.concat(parts.stderr).toString(),
      }),
    );
  });
}
