/**
 * Volumes lie where dockerd's local driver has them, and it finds them by their directories:
 *
 *     <root>/volumes/<name>/            0701
 *       _data/                          0755, or as the image's directory is that it was filled from
 *       opts.json                       0600  only of those that dockerd has to mount: not used here
 *     <root>/tspull/volumes/<name>.json 0600  labels, which dockerd keeps in its metadata.db
 *     <root>/tspull/volumes/new/<id>/         a volume that is being filled
 */
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../../../store/errors.js';
import { ensureDirectory, writeNewFile } from '../../../store/fs/exact-mode.js';
import { printable } from '../../../store/printable.js';

/** Marks a volume that nobody named. */
export const ANONYMOUS = 'com.docker.volume.anonymous';

export interface Volume {
  name: string;
  /** Absolute. */
  mountpoint: string;
  labels: Record<string, string> | undefined;
  /** Of the local driver; such a volume has to be mounted, which is not done here. */
  options: Record<string, string> | undefined;
  created: Date;
}

export const volumesDir = (root: string): string => join(root, 'volumes');
export const dataDir = (root: string, name: string): string => join(volumesDir(root), name, '_data');
export const newVolumesDir = (root: string): string => join(root, 'tspull', 'volumes', 'new');
const labelsFile = (root: string, name: string): string => join(root, 'tspull', 'volumes', `${name}.json`);

const LONGEST_NAME = 255;

/** Docker's rule, and what a file name can be. @throws KnownError E_USAGE */
export function checkVolumeName(name: string): string {
  if (name.length === 1)
    throw refused(name, 'volume name is too short, names should be at least two alphanumeric characters');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name))
    throw refused(
      name,
      `"${printable(name)}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  // Room for the ending of the file with its labels.
  if (name.length > LONGEST_NAME - '.json'.length) throw refused(name, 'file name too long');
  return name;
}

function refused(name: string, why: string): KnownError {
  return new KnownError('E_USAGE', `create ${printable(name)}: ${why}`);
}

export function volumeExists(root: string, name: string): boolean {
  return existsSync(dataDir(root, name));
}

/** Undefined when there is none of that name. */
export function readVolume(root: string, name: string): Volume | undefined {
  const mountpoint = dataDir(root, name);
  // Beside them lie files of dockerd's own.
  if (!isDirectory(join(volumesDir(root), name)) || !isDirectory(mountpoint)) return undefined;
  return {
    name,
    mountpoint,
    labels: readMap(labelsFile(root, name)),
    options: readMap(join(volumesDir(root), name, 'opts.json'), optionNames),
    created: lstatSync(join(volumesDir(root), name)).birthtime,
  };
}

const isDirectory = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** By name. */
export function listVolumes(root: string): Volume[] {
  return entries(volumesDir(root))
    .filter((name) => /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name))
    .sort()
    .flatMap((name) => readVolume(root, name) ?? []);
}

/** @throws KnownError E_NO_VOLUME, with Docker's text */
export function findVolume(root: string, name: string): Volume {
  const volume = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) ? readVolume(root, name) : undefined;
  if (volume !== undefined) return volume;
  throw new KnownError('E_NO_VOLUME', `get ${printable(name)}: no such volume`);
}

export function writeLabels(root: string, name: string, labels: Record<string, string>): void {
  const path = labelsFile(root, name);
  rmSync(path, { force: true });
  if (Object.keys(labels).length > 0) writeNewFile(path, `${JSON.stringify(labels)}\n`, 0o600);
}

export function forgetLabels(root: string, name: string): void {
  rmSync(labelsFile(root, name), { force: true });
}

export function makeVolumeFolders(root: string): void {
  for (const dir of [volumesDir(root)]) ensureDirectory(dir, 0o701);
  for (const dir of ['tspull', 'tspull/volumes', 'tspull/volumes/new']) ensureDirectory(join(root, dir), 0o700);
}

/** The fields of dockerd's `opts.json`, and what users call them. */
const optionNames: Record<string, string> = { MountType: 'type', MountOpts: 'o', MountDevice: 'device' };

function readMap(path: string, names?: Record<string, string>): Record<string, string> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    const found = Object.entries(JSON.parse(text) as object).flatMap(([key, value]): [string, string][] => {
      const name = names === undefined ? key : names[key];
      return typeof value === 'string' && name !== undefined && (names === undefined || value !== '')
        ? [[name, value]]
        : [];
    });
    return Object.fromEntries(found);
  } catch (cause) {
    throw new KnownError('E_STORE', `the file ${JSON.stringify(path)} of a volume is damaged`, { cause });
  }
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
