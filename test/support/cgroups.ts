import { existsSync } from 'node:fs';
import { allFolders } from '../../src/run/cgroup/container-cgroup.js';

/** Cgroups of these containers that are still there. Others belong to tests that run at the same time. */
export function cgroupsOf(ids: readonly string[]): string[] {
  return ids.flatMap(allFolders).filter((folder) => existsSync(folder));
}
