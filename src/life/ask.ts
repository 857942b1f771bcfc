/** Finding a container, and asking whoever stands by it. */
import { setTimeout as delay } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { removeLockFile, tryAcquire } from '../../store/fs/lock.js';
import { containerFiles } from '../containers/container-files.js';
import { type ContainerRecord, readRecord, writeRecord } from '../containers/container-record.js';
import { type ControlClient, controlClient, SupervisorGone } from '../containers/control/control-client.js';
import { connectToControl } from '../containers/control/control-socket.js';
import { recordEvent } from '../containers/events/journal.js';
import { findContainer } from '../containers/list-containers.js';
import { sweepDeadContainers } from '../containers/sweep.js';
import { trueRecord } from '../containers/true-state.js';

/** For a supervisor to end once its container has. */
const PATIENCE_MS = 5000;

export type OnOutput = (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | void;

/** Its state is the true one: what dead processes left is put right first. */
export function find(root: string, name: string): ContainerRecord {
  sweepDeadContainers(root);
  return trueRecord(root, findContainer(root, name));
}

/** Undefined when no supervisor stands by it. */
export async function connect(root: string, id: string, onOutput?: OnOutput): Promise<ControlClient | undefined> {
  const socket = await connectToControl(root, id);
  return socket === undefined ? undefined : controlClient(socket, onOutput);
}

/**
 * Asks the supervisor. One that ends without an answer has ended with its container.
 *
 * @param whenNot says what it means that there is none; its argument is the container as it is then, undefined when it is removed
 * @param inForeground does it with one that belongs to a tsrun in the foreground, which takes no requests
 */
export async function ask<T>(
  root: string,
  { id }: ContainerRecord,
  question: (client: ControlClient) => Promise<T>,
  whenNot: (record: ContainerRecord | undefined) => T,
  inForeground: (record: ContainerRecord) => Promise<T> = refuse,
): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; await delay(5)) {
    const client = await connect(root, id);
    if (client !== undefined) {
      try {
        return await question(client);
      } catch (error) {
        if (!(error instanceof SupervisorGone)) throw error;
      } finally {
        client.close();
      }
    }
    const latest = findAgain(root, id);
    if (latest === undefined || latest.state === 'exited' || latest.state === 'created') return whenNot(latest);
    if (latest.state === 'running' && latest.pid === undefined) return await inForeground(latest);
    // Its supervisor is on its way out.
    if (Date.now() > end) throw new KnownError('E_RUN', `the supervisor of the container ${id} does not answer`);
  }
}

async function refuse({ id }: ContainerRecord): Promise<never> {
  throw new KnownError('E_CONFLICT', `the container ${id} runs in the program that made it`, {
    hint: 'it can be stopped, killed, waited for and removed; for all the rest run it without --rm',
  });
}

function findAgain(root: string, id: string): ContainerRecord | undefined {
  try {
    return find(root, id);
  } catch (error) {
    if (error instanceof KnownError && error.code === 'E_NO_CONTAINER') return undefined;
    throw error;
  }
}

/** Changes the record of a container that nobody stands by. */
export function changeAtRest(root: string, id: string, change: Partial<ContainerRecord>): void {
  using lock = tryAcquire(containerFiles(root, id).live, 'exclusive');
  if (lock === undefined) throw new KnownError('E_CONFLICT', `the container ${id} is being started: try again`);
  const record = readRecord(root, id);
  if (record !== undefined) {
    const changed = { ...record, ...change };
    writeRecord(root, changed);
    if (changed.name !== record.name) recordEvent(root, changed, 'rename', { oldName: `/${record.name}` });
  }
  removeLockFile(containerFiles(root, id).live);
}
