/** Containers that keep an image from being removed: ours, and those of a Docker that used the same data root. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../store/errors.js';
import { tryAcquire } from '../../store/fs/lock.js';
import { isRecord } from '../../store/images/image-document.js';
import type { ImageId } from '../../store/oci/digest.js';

export interface ImageUser {
  containerId: string;
  image: ImageId;
  running: boolean;
}

export function imageUsers(root: string): ImageUser[] {
  return [...ownContainers(root), ...dockerContainers(root)];
}

function ownContainers(root: string): ImageUser[] {
  const base = join(root, 'tspull');
  return containerIds(join(base, 'containers')).flatMap((containerId) => {
    const record = readJson(join(base, 'containers', containerId, 'record.json'));
    const image = isRecord(record?.['image']) ? record['image']['id'] : undefined;
    if (typeof image !== 'string') return [];
    return [{ containerId, image: image as ImageId, running: isLive(join(base, 'live', containerId)) }];
  });
}

/** The process that runs a container holds a lock on its file for as long as it lives. */
function isLive(path: string): boolean {
  try {
    readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
  using lock = tryAcquire(path, 'shared');
  return lock === undefined;
}

/** None of them runs: the caller's lock on the data root keeps dockerd away. */
function dockerContainers(root: string): ImageUser[] {
  const dir = join(root, 'containers');
  return containerIds(dir).flatMap((containerId) => {
    const image = readJson(join(dir, containerId, 'config.v2.json'))?.['Image'];
    return typeof image === 'string' ? [{ containerId, image: image as ImageId, running: false }] : [];
  });
}

function containerIds(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** Undefined for a file that is missing or no JSON object: such a container is not one, for dockerd either. */
function readJson(path: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
