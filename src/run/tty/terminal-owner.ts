/**
 * Streams belong to the user of a container, as with Docker: he may open them by their names, /dev/stdout, /dev/tty and the like. Nothing
 * is given away by that: what he gets are pipes and terminals that he has open already.
 */
import { chownSync, fchownSync, fstatSync } from 'node:fs';
import { reconfigureMount } from '../../../store/linux/mount.js';
import { devptsParameters, type Pty, TTY_GROUP } from './pty.js';

/** What a container's ids are on the host. */
export interface HostIds {
  uid(id: number): number;
  gid(id: number): number;
}

/** The pipes among them; `uid` is that of the host. */
export function givePipes(streams: readonly number[], uid: number): void {
  for (const fd of new Set(streams)) {
    const stats = fstatSync(fd);
    if (stats.isFIFO() && stats.uid !== uid) fchownSync(fd, uid, stats.gid);
  }
}

/** @param ids for a container with a user namespace, whose later terminals have another group on the host, too */
export function giveTerminal({ devpts, slave }: Pty, user: number, ids: HostIds | undefined): void {
  const group = ids?.gid(TTY_GROUP) ?? TTY_GROUP;
  fchownSync(slave, ids?.uid(user) ?? user, group);
  if (devpts === undefined || ids === undefined) return;
  reconfigureMount(devpts, 'devpts', devptsParameters(group));
  for (const path of [`/proc/self/fd/${devpts}`, `/proc/self/fd/${devpts}/ptmx`])
    chownSync(path, ids.uid(0), ids.gid(0));
}
