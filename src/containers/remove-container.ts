import { removeLockFile } from '../../store/fs/lock.js';
import { removeTree } from '../../store/fs/remove-tree.js';
import { removeWritableLayer } from '../../store/layers/writable-layer.js';
import { removeCgroups } from './cgroup-folders.js';
import { containerFiles } from './container-files.js';
import { releaseName } from './container-name.js';
import type { ContainerRecord } from './container-record.js';

/**
 * Removes everything of a container that does not run any more, in an order that may be interrupted anywhere and done
 * again: the record goes last, and the lock of its process after that.
 */
export function removeContainer(root: string, record: ContainerRecord): void {
  const files = containerFiles(root, record.id);
  removeCgroups(record.cgroups);
  removeWritableLayer(root, { containerId: record.id, mountId: record.mountId });
  releaseName(root, record.name, record.id);
  removeTree(files.dir);
  removeLockFile(files.live);
}
