/** An image of a whole Debian system, in three layers with whiteouts. */
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { buildImage, type Image } from '../../fixtures/registry/image.js';
import { dir, file, tar } from '../support/tar-builder.js';
import { debianTree } from './debian-tree.js';
import { config, group, passwd, text } from './images.js';

/** Made by debootstrap where that is possible, else of the packages that this machine has. */
export async function debianImage(): Promise<Image> {
  const tree = await debianTree();
  return buildImage({
    layers: [...(tree ?? ownPackages()), rewritten],
    format: 'oci',
    config: { ...config, Cmd: ['/bin/bash'] },
    created: '2023-01-01T00:00:00Z',
  });
}

const rewritten = tar(
  dir('usr'),
  dir('usr/share'),
  dir('usr/share/doc'),
  file('usr/share/doc/.wh..wh..opq', ''),
  file('usr/share/doc/README', 'documents are left out\n'),
  file('usr/share/.wh.zoneinfo', ''),
  dir('etc'),
  file('etc/.wh.issue', ''),
  file('etc/hostname', 'debian\n'),
  file('etc/passwd', text(passwd)),
  file('etc/group', text(group)),
);

const packages = ['base-files', 'base-passwd', 'bash', 'coreutils', 'dash', 'debianutils', 'diffutils', 'findutils'];
const morePackages = ['grep', 'gzip', 'hostname', 'login', 'passwd', 'perl-base', 'sed', 'tar', 'tzdata', 'util-linux'];
const libraries = ['libc6', 'libacl1', 'libattr1', 'libselinux1', 'libpcre2-8-0', 'libtinfo6', 'libgmp10', 'libcrypt1'];

function ownPackages(): Buffer[] {
  return [archiveOf([...libraries, ...packages], true), archiveOf(morePackages)];
}

/** The files of packages, from the disk: owners, times in nanoseconds and attributes as they are there. */
function archiveOf(names: readonly string[], withLinks = false): Buffer {
  const paths = new Set(names.flatMap(filesOf));
  if (withLinks) for (const link of ['bin', 'sbin', 'lib', 'lib64']) paths.add(link);
  const flags = [
    '-c',
    '--format=pax',
    '--xattrs',
    '--xattrs-include=*',
    '--no-recursion',
    '-C',
    '/',
    '--null',
    '-T',
    '-',
  ];
  const input = [...paths].sort().join('\0');
  // Status 1: another program changed a directory meanwhile; the archive is whole.
  const { status, stdout, stderr } = spawnSync('tar', flags, { input, maxBuffer: 2 ** 30 });
  if (status !== 0 && status !== 1) throw new Error(`tar failed: ${stderr}`);
  return stdout;
}

/** Relative to `/`, with the links of a merged /usr resolved; only what exists. */
function filesOf(name: string): string[] {
  const list = ['', `:${execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim()}`]
    .map((suffix) => `/var/lib/dpkg/info/${name}${suffix}.list`)
    .find((path) => exists(path));
  if (list === undefined) return [];
  return readFileSync(list, 'utf8')
    .split('\n')
    .filter((path) => path !== '' && path !== '/.' && !/\/(man|locale|gconv)\//.test(path) && exists(path))
    .map((path) => join(realpathSync(dirname(path)), basename(path)).slice(1))
    .filter((path) => /^(usr|etc)(\/|$)/.test(path));
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
