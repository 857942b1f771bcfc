/** Reasons not to remove an image, in the order in which Docker looks for them. */
import { KnownError } from '../../store/errors.js';
import { openImageDb } from '../../store/images/image-db.js';
import { namesByImage } from '../../store/images/repositories.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import type { ImageId } from '../../store/oci/digest.js';
import { shortId } from './human.js';
import { imageUsers } from './image-users.js';

export interface RemoveConflict {
  /** Stays even when removal is forced. */
  hard: boolean;
  /** A container is the reason. */
  used: boolean;
  reason: string;
}

export interface ConflictOptions {
  force: boolean;
  /** Names are no reason: they are about to go. */
  ignoreNames?: boolean;
}

export function findConflict(root: string, id: ImageId, options: ConflictOptions): RemoveConflict | undefined {
  const images = openImageDb(root);
  if (images.ids().some((other) => images.parent(other) === id))
    return { hard: true, used: false, reason: 'image has dependent child images' };
  const users = imageUsers(root).filter(({ image }) => image === id);
  const running = users.find((user) => user.running);
  if (running !== undefined) return usedBy('running', running.containerId, true);
  if (options.force) return undefined;
  if (!options.ignoreNames && namesByImage(readRepositories(root)).has(id))
    return { hard: false, used: false, reason: 'image is referenced in multiple repositories' };
  const [stopped] = users;
  return stopped === undefined ? undefined : usedBy('stopped', stopped.containerId, false);
}

function usedBy(state: 'running' | 'stopped', containerId: string, hard: boolean): RemoveConflict {
  return { hard, used: true, reason: `image is being used by ${state} container ${shortId(containerId)}` };
}

export function conflictError(id: ImageId, { hard, reason }: RemoveConflict): KnownError {
  const force = hard ? 'cannot be forced' : 'must be forced';
  return new KnownError('E_CONFLICT', `conflict: unable to delete ${shortId(id)} (${force}) - ${reason}`);
}
