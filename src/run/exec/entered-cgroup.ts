import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerRecord } from '../../containers/container-record.js';
import { openCgroup } from '../cgroup/open-cgroup.js';

export interface EnteredCgroup {
  /** Files to write `0` to: of version 1, and for a user namespace, whose root nobody lets start processes in a cgroup. */
  tasks: string[];
  /** Version 2: a descriptor of the folder. */
  folder: number | undefined;
}

/**
 * The cgroups of a container's first process, which a container that manages cgroups itself may have moved further down: then
 * those at the top take no process.
 *
 * @param memberships the text of its /proc/<pid>/cgroup, cgroups(7)
 */
export function enteredCgroup(
  { id, cgroups }: ContainerRecord,
  memberships: string,
  hasUserNamespace: boolean,
): EnteredCgroup {
  const [folder] = cgroups;
  if (folder === undefined || !existsSync(join(folder, 'cgroup.controllers')))
    return { tasks: cgroups.map((path) => join(path, 'tasks')), folder: undefined };
  const path = /^0::(.*)$/m.exec(memberships)?.[1] ?? '';
  const below = path.split(`/${id}`)[1] ?? '';
  const entered = below.split('/').includes('..') ? folder : join(folder, below);
  if (hasUserNamespace) return { tasks: [join(entered, 'cgroup.procs')], folder: undefined };
  return { tasks: [], folder: openCgroup(entered) };
}
