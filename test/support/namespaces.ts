/** Machines of one network, each a network namespace with an address; they reach each other, and nothing else. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { type CommandResult, type RunOptions, run } from './dockerd.js';

export interface Machine {
  /** `10.91.0.2` */
  readonly address: string;
  run(program: string, args: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Ends with the test. */
  start(program: string, args: readonly string[], output: number): ChildProcess;
}

/** What it needs, for `missing`. */
export const needs = ['root', 'ip', 'nsenter'] as const;

let networks = 0;

export function startNetwork(t: Pick<TestContext, 'after'>, count: number): Machine[] {
  const prefix = `tspull-${process.pid}-${++networks}`;
  const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' });
  const children: ChildProcess[] = [];
  const names: string[] = [];
  const add = (name: string) => {
    ip('netns', 'add', name);
    names.push(name);
    return name;
  };
  t.after(() => {
    for (const child of children) child.kill('SIGKILL');
    for (const name of names) ip('netns', 'del', name);
  });
  const hub = add(`${prefix}-hub`);
  ip('-n', hub, 'link', 'add', 'bridge', 'type', 'bridge');
  ip('-n', hub, 'link', 'set', 'bridge', 'up');
  return Array.from({ length: count }, (_, index): Machine => {
    const name = add(`${prefix}-${index}`);
    const address = `10.91.0.${index + 1}`;
    ip('-n', hub, 'link', 'add', `p${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('-n', hub, 'link', 'set', `p${index}`, 'master', 'bridge', 'up');
    ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
    const inside = (program: string, args: readonly string[]) => [`--net=/run/netns/${name}`, program, ...args];
    return {
      address,
      run: (program, args, options = {}) => run('nsenter', inside(program, args), options),
      start(program, args, output) {
        const child = spawn('nsenter', inside(program, args), { stdio: ['ignore', output, output] });
        children.push(child);
        return child;
      },
    };
  });
}
