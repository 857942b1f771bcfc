/** A pull for a data root that a dockerd works on: into a root of its own, and from there over the daemon's socket. */
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { hasDaemon } from '../../store/data-root.js';
import { KnownError } from '../../store/errors.js';
import { openScratchDirectory } from '../../store/fs/scratch-directory.js';
import { printable } from '../../store/printable.js';
import { openImageArchive } from '../images/save/save.js';
import { loadIntoDaemon } from '../pull/load-into-daemon.js';
import { type PullManyOptions, type PullOutcome, pullMany } from '../pull/pull-many.js';
import { daemonSocket, imageIdInDaemon, rootOfDaemon } from '../pull/sources/docker-daemon.js';

/**
 * As `pullMany`. With a `root` that no dockerd works on, that root is written; without a `root`, the images always go to the daemon.
 *
 * @throws KnownError E_STORE_BUSY when another daemon than that of the socket works on the root, and when what the daemon says of the
 *   images is not what was handed over
 */
export async function pullViaDaemon(names: readonly string[], options: PullManyOptions = {}): Promise<PullOutcome[]> {
  const { signal = new AbortController().signal } = options;
  const root = options.root ?? (process.env['TSPULL_ROOT'] || undefined);
  if (root !== undefined && !hasDaemon(root)) return await pullMany(names, options);
  try {
    return await pullFor(daemonSocket(process.env), names, { ...options, root, signal });
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new KnownError('E_CANCELLED', 'handing images over to the Docker daemon was cancelled', { cause });
  }
}

type Options = Omit<PullManyOptions, 'root'> & { root: string | undefined; signal: AbortSignal };

async function pullFor(socket: string, names: readonly string[], options: Options): Promise<PullOutcome[]> {
  const { root, signal } = options;
  await refuseOtherDaemon(socket, root, signal);
  using scratch = openScratchDirectory(process.env['TMPDIR'] || '/var/tmp', 'tspull-handover-');
  const own = join(scratch.path, 'root');
  const outcomes = await pullMany(names, { ...options, root: own });
  await handOver(own, outcomes, { socket, signal });
  return outcomes;
}

async function refuseOtherDaemon(socket: string, root: string | undefined, signal: AbortSignal): Promise<void> {
  const theirs = await rootOfDaemon(socket, signal);
  if (root === undefined || (theirs !== undefined && isSameDirectory(theirs, root))) return;
  throw new KnownError(
    'E_STORE_BUSY',
    `the Docker daemon at unix://${printable(socket, 200)} works on "${printable(theirs ?? 'no root that it tells', 300)}", ` +
      `but another one on "${printable(root, 300)}"`,
    { hint: 'name the socket of that daemon in DOCKER_HOST, as unix:///PATH' },
  );
}

/** What the daemon says need not be there. */
function isSameDirectory(theirs: string, root: string): boolean {
  return existsSync(theirs) && realpathSync(theirs) === realpathSync(root);
}

interface Handover {
  socket: string;
  signal: AbortSignal;
}

/** All images in one archive: what they share goes over once. */
async function handOver(root: string, outcomes: readonly PullOutcome[], { socket, signal }: Handover): Promise<void> {
  const images = outcomes.flatMap((outcome) => outcome.images);
  const wanted = images.flatMap(({ id, names }) => {
    // A digest names nothing in an archive.
    const tags = names.filter((name) => !name.includes('@'));
    return tags.length === 0 ? [{ id, query: id as string }] : tags.map((query) => ({ id, query }));
  });
  if (wanted.length === 0) return;
  using archive = await openImageArchive({
    root,
    names: wanted.map(({ query }) => query),
    format: 'docker-archive',
    signal,
  });
  await loadIntoDaemon({ socket, pieces: archive.pieces(), signal });
  for (const { id, query } of wanted) {
    const there = await imageIdInDaemon(socket, query, signal);
    if (there === id) continue;
    throw new KnownError(
      'E_REGISTRY',
      `the Docker daemon says that it has loaded ${printable(query, 300)}, but has ${there ?? 'no image'} under that name instead of ${id}`,
    );
  }
}
