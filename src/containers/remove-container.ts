import { removeLockFile } from '../../store/fs/lock.js';
import { removeTree } from '../../store/fs/remove-tree.js';
import { recordUse } from '../../store/images/last-use.js';
import { removeWritableLayer } from '../../store/layers/writable-layer.js';
import { removeCgroups } from './cgroup-folders.js';
import { containerFiles } from './container-files.js';
import { releaseName } from './container-name.js';
import type { ContainerRecord } from './container-record.js';
import { removeAnonymousVolumes } from './volumes/remove-volume.js';

/**
 * Removes everything of a container that does not run any more, in an order that may be interrupted anywhere and done
 * again: the record goes last, and the lock of its process after that. Its image was in use until now.
 *
 * @param keepVolumes leaves also the volumes that nobody gave a name
 */
export function removeContainer(root: string, record: ContainerRecord, keepVolumes = false): void {
  const files = containerFiles(root, record.id);
  removeCgroups(record.cgroups);
  if (!keepVolumes) removeAnonymousVolumes(root, record);
  removeWritableLayer(root, { containerId: record.id, mountId: record.mountId });
  releaseName(root, record.name, record.id);
  recordUse(root, record.image.id);
  removeTree(files.dir);
  removeLockFile(files.live);
}
