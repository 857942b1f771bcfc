/** What is mounted into a container, decided when it is made: what was asked for, what other containers have, what the image declares. */
import { posix } from 'node:path';
import { KnownError } from '../../../store/errors.js';
import { randomId } from '../../../store/fs/random-id.js';
import { printable } from '../../../store/printable.js';
import { findContainer } from '../../containers/list-containers.js';
import type { MountRequest, RecordedMount } from '../../containers/mount-request.js';
import { ANONYMOUS, checkVolumeName } from '../../containers/volumes/volume-files.js';
import type { ImageRunConfig, RunOptions } from '../run-options.js';

/** An image could declare volumes without end. */
const MOST_OF_IMAGE = 200;

/** @throws KnownError with `exitCode` 125 for what cannot be mounted */
export function planMounts(root: string, image: ImageRunConfig, options: RunOptions): RecordedMount[] {
  const asked = (options.mounts ?? []).map(recorded);
  const taken = new Set<string>();
  for (const mount of asked) {
    const target = normal(mount.target);
    if (taken.has(target)) throw refused(`Duplicate mount point: ${printable(mount.target)}`);
    if (target === '/') throw refused(`invalid specification: destination can't be '/'`);
    taken.add(target);
  }
  const inherited = (options.volumesFrom ?? []).flatMap((text) => mountsOf(root, text));
  // Of two containers that have something at the same place, the later one counts.
  const byTarget = new Map(inherited.map((mount) => [normal(mount.target), mount]));
  const added = [...byTarget].filter(([target]) => !taken.has(target)).map(([, mount]) => mount);
  for (const { target } of added) taken.add(normal(target));
  return [...added, ...asked, ...ofImage(image, taken)];
}

const normal = (target: string): string => posix.resolve('/', target);

function recorded(mount: MountRequest): RecordedMount {
  if (mount.type !== 'volume') return mount;
  if (mount.name === undefined) return anonymousVolume(mount);
  return { ...mount, name: checkName(mount.name), anonymous: false };
}

function checkName(name: string): string {
  try {
    return checkVolumeName(name);
  } catch (cause) {
    if (!(cause instanceof KnownError)) throw cause;
    throw new KnownError('E_USAGE', cause.message, { cause, exitCode: 125 });
  }
}

function anonymousVolume(mount: Extract<MountRequest, { type: 'volume' }>): RecordedMount {
  return { ...mount, name: randomId(), anonymous: true, labels: { ...mount.labels, [ANONYMOUS]: '' } };
}

/** `CONTAINER[:MODE]` */
function mountsOf(root: string, text: string): RecordedMount[] {
  const [name = '', mode = 'rw', ...more] = text.split(':');
  if (name === '' || more.length > 0) throw refused(`invalid volumes-from format: ${printable(text)}`);
  if (!['ro', 'rw', 'z', 'Z'].includes(mode)) throw refused(`invalid mode: ${printable(mode)}`);
  const { mounts = [] } = find(root, name);
  return mounts
    .filter(({ type }) => type !== 'tmpfs')
    .map((mount) => ({
      ...mount,
      ...(mode === 'ro' && { readonly: true }),
      // It has what its first container gave it.
      ...(mount.type === 'volume' && { noCopy: true }),
    }));
}

function find(root: string, name: string): ReturnType<typeof findContainer> {
  try {
    return findContainer(root, name);
  } catch (cause) {
    if (!(cause instanceof KnownError)) throw cause;
    throw new KnownError(cause.code, cause.message, { cause, exitCode: 125 });
  }
}

function ofImage({ Volumes }: ImageRunConfig, taken: Set<string>): RecordedMount[] {
  const targets = new Set(Object.keys(Volumes ?? {}).map(normal));
  if (targets.size > MOST_OF_IMAGE)
    throw refused(`the image declares ${targets.size} volumes: more than ${MOST_OF_IMAGE} are not made`);
  if (targets.has('/')) throw refused(`invalid specification: destination can't be '/'`);
  return [...targets]
    .filter((target) => !taken.has(target))
    .sort()
    .map((target) => anonymousVolume({ type: 'volume', target }));
}

function refused(message: string): KnownError {
  return new KnownError('E_USAGE', message, { exitCode: 125 });
}
