/** Containers that are to run again after the machine was off: what dockerd does when it is started and ended with the machine. */
import type { ContainerRecord } from '../containers/container-record.js';
import { listContainers } from '../containers/list-containers.js';
import { sweepDeadContainers } from '../containers/sweep.js';
import { startContainer, stopContainer } from './lifecycle.js';

/** Told of each container by its name, and of what kept it from starting or ending. */
export interface Progress {
  done(name: string): void;
  failed(name: string, error: unknown): void;
}

/**
 * Starts those whose restart policy asks for it, oldest first: another one may share the namespaces of an older one. Those that run
 * are left as they are.
 */
export async function startRestartable(root: string, progress: Progress): Promise<void> {
  sweepDeadContainers(root);
  const chosen = listContainers(root).filter((record) => record.state === 'exited' && isRestartable(record));
  for (const { id, name } of chosen.reverse()) await attempt(name, progress, () => startContainer(root, id));
}

/** Ends those that run under a restart policy, all at once, in a way that lets {@link startRestartable} bring them back. */
export async function stopRestartable(root: string, progress: Progress, timeout?: number): Promise<void> {
  sweepDeadContainers(root);
  const options = { forGood: false, ...(timeout !== undefined && { timeout }) };
  const chosen = listContainers(root).filter(
    ({ state, restart }) => state !== 'created' && state !== 'exited' && restart !== undefined && restart.name !== 'no',
  );
  await Promise.all(chosen.map(({ id, name }) => attempt(name, progress, () => stopContainer(root, id, options))));
}

async function attempt(name: string, { done, failed }: Progress, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
    done(name);
  } catch (error) {
    failed(name, error);
  }
}

/** moby's restartmanager.go, for a container that is not running when the daemon starts. */
function isRestartable({
  restart,
  started,
  stopped = false,
  exitCode = 0,
  restartCount = 0,
}: ContainerRecord): boolean {
  if (restart === undefined || started === undefined) return false;
  switch (restart.name) {
    case 'always':
      return true;
    case 'unless-stopped':
      return !stopped;
    case 'on-failure':
      return exitCode !== 0 && (restart.maximum === 0 || restartCount < restart.maximum);
    case 'no':
      return false;
  }
}
