/**
 * A Debian system as debootstrap makes it from the mirror that this machine's apt uses, in two archives. Kept in the user's
 * cache: the first run takes about 40 s on an idle machine, the others read two files.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { acquire } from '../../store/fs/lock.js';
import { run } from '../support/dockerd.js';
import { isLongForm } from '../support/long-form.js';
import { findProgram } from '../support/needs.js';

/** Who cannot make it in this time makes do with something else, in this run and those of the next hour. */
const limitS = isLongForm ? 900 : 60;
const graceMs = 60 * 60 * 1000;

interface Source {
  mirror: string;
  /** `bookworm` */
  suite: string;
}

/** undefined where there is no mirror, or no time. */
export async function debianTree(): Promise<Buffer[] | undefined> {
  const source = aptSource();
  if (source === undefined || findProgram('debootstrap') === undefined) return undefined;
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tspull-tests');
  mkdirSync(folder, { recursive: true });
  const archives = ['system', 'rest'].map((part) => join(folder, `debian-${source.suite}-${process.arch}-${part}.tar`));
  const failed = join(folder, `debian-${source.suite}-${process.arch}.failed`);
  using _lock = await acquire(join(folder, 'lock'), 'exclusive');
  if (!archives.every((path) => existsSync(path))) {
    const last = statSync(failed, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - last < graceMs && !isLongForm) return undefined;
    const problem = await make(source, folder, archives);
    if (problem !== undefined) {
      writeFileSync(failed, problem);
      return undefined;
    }
  }
  return archives.map((path) => readFileSync(path));
}

/** What apt would fetch this system's own packages from. */
function aptSource(): Source | undefined {
  const suite = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const { stdout } = spawnSync(
    'apt-get',
    ['indextargets', '--format', '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)'],
    {
      encoding: 'utf8',
    },
  );
  const found = (stdout ?? '').split('\n').map((line) => line.split(' '));
  const mirror = found.find(
    ([by, release, component]) => by === 'Packages' && release === suite && component === 'main',
  )?.[3];
  return suite === undefined || mirror === undefined ? undefined : { mirror, suite };
}

/** Directories that become the second archive. */
const rest = ['usr/share/doc', 'usr/share/zoneinfo', 'usr/lib/apt', 'usr/share/bash-completion'];

/** @returns what went wrong, if it did */
async function make(
  { mirror, suite }: Source,
  folder: string,
  archives: readonly string[],
): Promise<string | undefined> {
  const work = mkdtempSync(join(folder, 'work-'));
  const root = join(work, 'root');
  try {
    // It mounts /proc inside; should it be killed, nobody else has the mounts.
    const alone = ['unshare', '--mount', '--propagation', 'private'];
    const words = ['-k', '5', String(limitS), ...alone, 'debootstrap', '--variant=minbase', suite, root, mirror];
    const { status, stdout, stderr } = await run('timeout', words);
    if (status !== 0) return `${status}\n${stdout.slice(-2000)}\n${stderr}`;
    const [system = '', others = ''] = archives;
    const unwanted = ['var/cache/apt/archives', 'var/lib/apt/lists', 'usr/share/locale', 'usr/share/i18n'].map(
      (path) => `--exclude=./${path}/*`,
    );
    archive(root, join(work, 'system'), [...unwanted, ...rest.map((path) => `--exclude=./${path}/*`), '.']);
    archive(
      root,
      join(work, 'rest'),
      rest.filter((path) => existsSync(join(root, path))).map((path) => `./${path}`),
    );
    renameSync(join(work, 'rest'), others);
    renameSync(join(work, 'system'), system);
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function archive(root: string, path: string, words: readonly string[]): void {
  const flags = ['-c', '--format=pax', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--sort=name'];
  execFileSync('tar', [...flags, '-f', path, '-C', root, ...words]);
}
