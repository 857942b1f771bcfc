/** The tools that are compared. Each has a place of its own on the same disk and forgets the image between pulls. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startDockerd } from '../support/dockerd.js';
import { findProgram } from '../support/needs.js';
import { repository as repositoryFolder } from '../support/sources.js';
import type { Cleanup } from './cleanup.js';
import type { Command } from './measure.js';

export interface Tool {
  name: string;
  version: string;
  /** Cold: the tool holds nothing of the image. Several commands are one pull. */
  pull: Command;
  /** Makes the next pull a cold one. */
  forget(): void;
  /** Runs `true` in the pulled image. */
  run?: Command;
  /** Process ids of what works for the tool in the background. */
  daemons: readonly number[];
}

interface Place {
  cleanup: Cleanup;
  /** A folder for the tools' data. */
  folder: string;
  /** `127.0.0.1:40123/bench/image:1` */
  image: string;
}

type Make = (place: Place) => Tool | Promise<Tool>;

const versionOf = (program: string, ...args: string[]): string =>
  /\d+\.\d+[\w.+~-]*/.exec(execFileSync(program, args, { encoding: 'utf8' }))?.[0] ?? 'unknown';
const quietly = (program: string, ...args: string[]): void =>
  void execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
const shell = (text: string): Command => ['/bin/sh', '-ec', text];

function ours({ folder, image }: Place): Tool {
  const root = join(folder, 'tspull');
  const program = (name: string) => join(repositoryFolder, 'dist', `${name}.cjs`);
  return {
    name: 'tspull',
    version: versionOf(process.execPath, program('tspull'), '--version'),
    pull: [process.execPath, program('tspull'), '--root', root, '-q', image],
    forget: () => rmSync(root, { recursive: true, force: true }),
    run: [process.execPath, program('tsrun'), '--root', root, '--rm', '--pull', 'never', image, 'true'],
    daemons: [],
  };
}

async function docker({ cleanup, folder, image }: Place): Promise<Tool> {
  const { host, pid } = await startDockerd(cleanup, { root: join(folder, 'docker') });
  const server = ['-H', host, 'version', '--format', '{{.Server.Version}}'];
  return {
    name: 'docker',
    version: versionOf('docker', ...server),
    pull: ['docker', '-H', host, 'pull', '-q', image],
    forget: () => quietly('docker', '-H', host, 'rmi', '-f', image),
    run: ['docker', '-H', host, 'run', '--rm', '--network', 'none', image, 'true'],
    daemons: [pid],
  };
}

function podman({ cleanup, folder, image }: Place): Tool {
  const place = [
    '--root',
    join(folder, 'podman'),
    '--runroot',
    join(folder, 'podman-run'),
    '--storage-driver',
    'overlay',
  ];
  cleanup.after(() => quietly('podman', ...place, 'rmi', '-a', '-f'));
  return {
    name: 'podman',
    version: versionOf('podman', '--version'),
    pull: ['podman', ...place, 'pull', '-q', '--tls-verify=false', image],
    forget: () => quietly('podman', ...place, 'rmi', '-f', image),
    run: ['podman', ...place, 'run', '--rm', '--network', 'none', '--ulimit', 'host', image, 'true'],
    daemons: [],
  };
}

async function containerd({ cleanup, folder, image }: Place): Promise<Tool> {
  const home = join(folder, 'containerd');
  const address = join(home, 'socket');
  mkdirSync(home);
  writeFileSync(
    join(home, 'config.toml'),
    `version = 2\nroot = "${home}/root"\nstate = "${home}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${address}"\n`,
  );
  const daemon = spawn('containerd', ['--config', join(home, 'config.toml')], { stdio: 'ignore' });
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  cleanup.after(async () => {
    daemon.kill('SIGTERM');
    await ended;
  });
  for (let tries = 0; !existsSync(address) && tries < 200; tries++) await delay(50);
  return {
    name: 'ctr',
    version: versionOf('ctr', '--version'),
    pull: ['ctr', '-a', address, 'images', 'pull', '--plain-http', image],
    forget: () => quietly('ctr', '-a', address, 'images', 'rm', '--sync', image),
    daemons: [daemon.pid ?? 0],
  };
}

function umoci({ cleanup, folder, image }: Place): Tool {
  const [layout, bundle] = [join(folder, 'layout'), join(folder, 'bundle')];
  const forget = () => {
    for (const path of [layout, bundle]) rmSync(path, { recursive: true, force: true });
  };
  cleanup.after(forget);
  const state = join(folder, 'runc');
  return {
    name: 'skopeo+umoci',
    version: `${versionOf('skopeo', '--version')}+${versionOf('umoci', '--version')}`,
    pull: shell(
      `skopeo copy -q --src-tls-verify=false docker://${image} oci:${layout}:x; umoci unpack --image ${layout}:x ${bundle}`,
    ),
    forget,
    ...(findProgram('runc') === undefined ? {} : { run: shell(`runc --root ${state} run -b ${bundle} bench-$$`) }),
    daemons: [],
  };
}

/** No tool that anybody uses, but what the usual programs need at least for the same bytes. */
function pipeline({ folder, image }: Place): Tool {
  const place = join(folder, 'pipeline');
  const forget = () => rmSync(place, { recursive: true, force: true });
  const [host = '', repository = '', tag = ''] = image.split(/(?<=:\d+)\/|:(?=\d$)/);
  return {
    name: 'pipeline',
    version: `tar ${versionOf('tar', '--version')}`,
    pull: [join(repositoryFolder, 'test/bench/reference-pipeline.sh'), host, repository, tag, place],
    forget,
    daemons: [],
  };
}

/** runc needs a command and no terminal in its bundle. */
export function prepareBundle(folder: string): void {
  const file = join(folder, 'bundle', 'config.json');
  const spec = JSON.parse(readFileSync(file, 'utf8'));
  spec.process.terminal = false;
  spec.process.args = ['true'];
  writeFileSync(file, JSON.stringify(spec));
}

const makers: readonly { needs: readonly string[]; make: Make }[] = [
  { needs: [], make: ours },
  { needs: ['dockerd', 'docker'], make: docker },
  { needs: ['podman'], make: podman },
  { needs: ['containerd', 'ctr'], make: containerd },
  { needs: ['skopeo', 'umoci'], make: umoci },
  { needs: ['curl', 'igzip', 'tar'], make: pipeline },
];

/** Those that are installed; `say` hears of the others. */
export async function openTools(place: Place, say: (text: string) => void): Promise<Tool[]> {
  const tools: Tool[] = [];
  for (const { needs, make } of makers) {
    const lacking = needs.filter((program) => findProgram(program) === undefined);
    if (lacking.length > 0) say(`not compared, because it is not installed: ${lacking.join(', ')}`);
    else tools.push(await make(place));
  }
  return tools;
}
