import type { ContainerRecord } from '../../containers/container-record.js';
import type { HostMount } from '../../containers/mount-request.js';
import { dataDir } from '../../containers/volumes/volume-files.js';

/** What is mounted at a start, volumes as the directories that they are. Undefined for a container that was made before mounts were recorded. */
export function mountsOfHost(root: string, { mounts }: ContainerRecord): HostMount[] | undefined {
  return mounts?.map((mount) => {
    if (mount.type !== 'volume') return mount;
    const { name, target, readonly = false } = mount;
    return { type: 'bind', source: dataDir(root, name), target, readonly };
  });
}
