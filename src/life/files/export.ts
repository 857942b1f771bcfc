import { closeSync } from 'node:fs';
import { mountOverlay } from '../../../store/linux/overlay.js';
import { layerDirs, overlayHome, readLower } from '../../../store/overlay2/layer-dir.js';
import { type ArchiveSink, archiveContent } from '../../../store/tar/archive-tree.js';
import { recordEvent } from '../../containers/events/journal.js';
import { findContainer } from '../../containers/list-containers.js';
import { openNamespaceOf, ownersFor, usernsOf } from '../../run/userns/container-owners.js';
import { openDirectory } from './places.js';

/** All files of a container as an archive, without what is mounted into it. */
export async function exportContainer(root: string, name: string, sink: ArchiveSink): Promise<void> {
  const record = findContainer(root, name);
  const { mountId } = record;
  const owners = ownersFor(usernsOf(record));
  using namespace = await openNamespaceOf(root, record);
  // Its own layer as the uppermost of those that are only read: a container that runs may have it mounted, and goes on.
  const { diff } = layerDirs(root, mountId);
  const own = diff.slice(overlayHome(root).length + 1);
  const mount = mountOverlay({
    home: overlayHome(root),
    lower: [own, ...readLower(root, mountId)],
    ...(namespace && { idsOf: namespace.fd, unmapped: own }),
  });
  try {
    const top = openDirectory(mount, '/');
    try {
      await archiveContent(top, sink, owners === undefined ? {} : { owner: owners.inside });
      recordEvent(root, record, 'export');
    } finally {
      closeSync(top);
    }
  } finally {
    closeSync(mount);
  }
}
