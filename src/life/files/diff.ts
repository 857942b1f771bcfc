import { findContainer } from '../../containers/list-containers.js';
import { changedFiles, type FileChange } from '../../run/sandbox/changes.js';

/** Each level of a tree holds a descriptor. */
const DEEPEST = 1000;

/** What a container has added to its image's files, changed of them and deleted, in the order of the paths. */
export function diffContainer(root: string, name: string): FileChange[] {
  const { mountId } = findContainer(root, name);
  return changedFiles(root, mountId, [], { most: Number.POSITIVE_INFINITY, deepest: DEEPEST }).list;
}
