import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('../../src/cli/tsrun.js', import.meta.url));

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface TsrunOptions {
  input?: string;
  env?: NodeJS.ProcessEnv;
  /** Run by this shell text instead, where `$TSRUN` is the program and its root. */
  shell?: string;
}

const environment = (root: string, env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  TMPDIR: process.env['TMPDIR'],
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
  TSPULL_ROOT: root,
  TSRUN: `${process.execPath} ${file}`,
  ...env,
});

/** Runs the program to its end with pipes as streams. */
export function tsrun(root: string, args: readonly string[], options: TsrunOptions = {}): Outcome {
  return program(file, root, args, options);
}

/** The same for another of our programs. */
export function program(path: string, root: string, args: readonly string[], options: TsrunOptions = {}): Outcome {
  const [command, argv] =
    options.shell === undefined
      ? [process.execPath, [path, ...args]]
      : ['/bin/sh', ['-c', options.shell, 'sh', ...args]];
  const { status, stdout, stderr } = spawnSync(command, argv, {
    env: environment(root, options.env),
    encoding: 'utf8',
    input: options.input ?? '',
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

/** The same without waiting. */
export function tsrunAsync(
  root: string,
  args: readonly string[],
  path = file,
): {
  pid: number;
  kill: (signal: NodeJS.Signals) => void;
  ended: Promise<Outcome>;
  /** Settles once standard output contains the text; fails when the program ends before. */
  printed: (text: string) => Promise<void>;
} {
  const child = spawn(process.execPath, [path, ...args], {
    env: environment(root),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts[0] += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts[1] += text;
  });
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const status = code ?? (signal === null ? null : -1);
      resolve({ status, stdout: texts[0] ?? '', stderr: texts[1] ?? '' });
    });
  });
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (texts[0]?.includes(text)) resolve();
      };
      child.stdout.on('data', look);
      look();
      void ended.then(({ stderr }) => reject(new Error(`ended before it printed ${text}: ${stderr}`)));
    });
  return { pid: child.pid ?? 0, kill: (signal) => child.kill(signal), ended, printed };
}
