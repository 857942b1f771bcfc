/** The published program in the virtual machine, on a data root in its memory, and what it did to the cgroups. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { bundledProgram, cli } from '../../support/cli.js';
import type { CommandResult } from '../../support/dockerd.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { tsrunAsync } from '../../support/tsrun.js';

/** Where cgroup v2 is mounted in the machine. */
export const CGROUPS = '/sys/fs/cgroup';

export const root = layerRoot({ after });
addImage(root, [busybox], { Env: ['PATH=/bin', 'FROM_IMAGE=yes'] }, 'bb');

/** Runs a shell script in a container that is removed at its end. */
export function script(text: string, ...flags: string[]): Promise<CommandResult> {
  return cli('tsrun', root, ['--rm', ...flags, 'bb', 'sh', '-c', text]);
}

/** Runs a command to its end. */
export function tsrun(...args: string[]): Promise<CommandResult> {
  return cli('tsrun', root, args);
}

export interface RunningContainer {
  /** Its cgroup as the host sees it. */
  cgroup: string;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<CommandResult>;
}

/** Starts a container that runs the script and then waits to be killed; settles when the script is done. */
export async function startContainer(name: string, text: string, ...flags: string[]): Promise<RunningContainer> {
  const command = ['--rm', '--init', '--name', name, ...flags, 'bb', 'sh', '-c', `${text}; echo ready; exec sleep 600`];
  const program = tsrunAsync(root, command, bundledProgram('tsrun'));
  await program.printed('ready\n');
  return { ...program, cgroup: join(CGROUPS, 'tspull', readlinkSync(join(root, 'tspull/names', name))) };
}

/** A script that prints files of its cgroup, one a line, and what it then prints. */
export function show(values: Record<string, string>): string {
  const files = Object.keys(values);
  return files.map((file) => `echo $(cat /sys/fs/cgroup/${file})`).join('; ');
}

export function shown(values: Record<string, string>): string {
  const lines = Object.values(values).map((value) => `${value}\n`);
  return lines.join('');
}

export function read(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8').trim();
}

/** The cgroups of containers that there are. */
export function containerCgroups(): string[] {
  const folder = join(CGROUPS, 'tspull');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}
