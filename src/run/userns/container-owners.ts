/** Whose the files of a container with a user namespace are: on the disk and in its mounts somebody of the host, for itself its own ids. */

import { containerFiles } from '../../containers/container-files.js';
import type { ContainerRecord } from '../../containers/container-record.js';
import type { RunOptions } from '../run-options.js';
import { mapId, readIdMaps, unmapId } from './id-maps.js';
import type { UserNamespace } from './user-namespace.js';

export interface Owner {
  uid: number;
  gid: number;
}

export interface ContainerOwners {
  /** Of a file that the container's `owner` would make. Whom it does not have is taken for its root. */
  onDisk(owner: Owner): Owner;
  /** Whom the container sees as the owner of what is `owner`'s on the disk; nobody for whom it does not know. */
  inside(owner: Owner): Owner;
}

/** What the kernel shows for ids without a number (/proc/sys/kernel/overflowuid). */
const NOBODY = 65534;

/** @param userns as for `--userns`; undefined when the container's ids are those of the host */
export function ownersFor(userns: string | undefined): ContainerOwners | undefined {
  if (userns === undefined || userns === '' || userns === 'host') return undefined;
  const { uids, gids } = readIdMaps(userns);
  return {
    onDisk: ({ uid, gid }) => ({
      uid: mapId(uids, uid) ?? mapId(uids, 0) ?? NOBODY,
      gid: mapId(gids, gid) ?? mapId(gids, 0) ?? NOBODY,
    }),
    inside: ({ uid, gid }) => ({ uid: unmapId(uids, uid) ?? NOBODY, gid: unmapId(gids, gid) ?? NOBODY }),
  };
}

/** What the container was made with. */
export function usernsOf({ request }: ContainerRecord): string | undefined {
  const { userns } = (request?.options ?? {}) as RunOptions;
  return userns === 'host' ? undefined : userns || undefined;
}

/** The user namespace of a container that does not run, for mounts of its layers. */
export async function openNamespaceOf(root: string, record: ContainerRecord): Promise<UserNamespace | undefined> {
  const userns = usernsOf(record);
  if (userns === undefined) return undefined;
  const [{ openUserNamespace }, { hostArchitecture }] = await Promise.all([
    import('./user-namespace.js'),
    import('../start/launch.js'),
  ]);
  return await openUserNamespace(userns, hostArchitecture(), containerFiles(root, record.id).dir);
}
