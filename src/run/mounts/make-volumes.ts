import { closeSync, constants, fstatSync } from 'node:fs';
import { KnownError } from '../../../store/errors.js';
import { findInRoot } from '../../../store/fs/inside-root.js';
import { openAt } from '../../../store/linux/inode.js';
import { cstring } from '../../../store/linux/libc.js';
import { mountOverlay } from '../../../store/linux/overlay.js';
import { overlayHome, readLower } from '../../../store/overlay2/layer-dir.js';
import { printable } from '../../../store/printable.js';
import type { ContainerRecord } from '../../containers/container-record.js';
import type { RecordedVolume } from '../../containers/mount-request.js';
import { ensureVolume, type NewVolume } from '../../containers/volumes/create-volume.js';
import { readVolume } from '../../containers/volumes/volume-files.js';
import { ownersFor } from '../userns/container-owners.js';

/**
 * Makes the volumes of a container whose record is written and whose layers are there. An empty volume gets what the image has at
 * its place.
 */
export async function makeVolumes(root: string, record: ContainerRecord, userns: string | undefined): Promise<void> {
  const volumes = (record.mounts ?? []).filter((mount) => mount.type === 'volume');
  if (volumes.length === 0) return;
  const owner = ownersFor(userns)?.onDisk;
  const lower = readLower(root, record.mountId);
  // The image as it is before the container ran.
  const image = mountOverlay({ home: overlayHome(root), lower });
  try {
    for (const volume of volumes) await makeVolume(root, image, { ...volume, owner });
  } finally {
    closeSync(image);
  }
}

async function makeVolume(
  root: string,
  image: number,
  volume: RecordedVolume & Pick<NewVolume, 'owner'>,
): Promise<void> {
  const { name, labels = {}, noCopy, target, owner } = volume;
  if (readVolume(root, name)?.options !== undefined)
    throw new KnownError(
      'E_UNSUPPORTED',
      `the volume ${name} has options of Docker's driver: it would have to be mounted`,
      {
        exitCode: 125,
      },
    );
  const source = noCopy ? undefined : openDirectory(image, target, volume.anonymous);
  try {
    await ensureVolume(root, { name, labels, fillFrom: source, owner });
  } finally {
    if (source !== undefined) closeSync(source);
  }
}

/** Links of the image lead to places in the image. */
function openDirectory(image: number, target: string, mustBeDirectory: boolean): number | undefined {
  const place = findInRoot(image, target);
  if (place === undefined) return undefined;
  try {
    if (fstatSync(place).isDirectory())
      return openAt(place, cstring('.'), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    if (!mustBeDirectory) return undefined;
    const message = `cannot mount volume over existing file, file exists ${printable(target)}`;
    throw new KnownError('E_RUN', message, { exitCode: 125 });
  } finally {
    closeSync(place);
  }
}
