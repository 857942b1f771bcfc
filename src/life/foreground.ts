/**
 * Containers of a `tsrun --rm` in the foreground: that program is their supervisor and takes no requests, so they are dealt with
 * from outside, by their processes and by the lock that it holds as long as they live.
 */
import { closeSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { killProcesses } from '../containers/cgroup-folders.js';
import { type ContainerRecord, readRecord } from '../containers/container-record.js';
import { recordEvent } from '../containers/events/journal.js';
import { sendSignal } from '../containers/signals.js';
import { isAttended } from '../containers/true-state.js';
import { openFirstProcess } from '../run/join/first-process.js';
import { readEvents } from './read-events.js';

const SIGKILL = 9;
const LOOK_MS = 10;
/** How long a program may take to put away a container whose processes were killed. */
const PATIENCE_MS = 20_000;

/** To the first process of the container, if it has one. */
export function signalForeground(root: string, record: ContainerRecord, signal: number): void {
  const process = openFirstProcess(record);
  if (process === undefined) return;
  try {
    sendSignal(Number(basename(readlinkSync(`/proc/self/fd/${process}`))), signal);
    recordEvent(root, record, 'kill', { signal: String(signal) });
  } finally {
    closeSync(process);
  }
}

/** @param seconds until all its processes are killed; less than 0 for never */
export async function stopForeground(
  root: string,
  record: ContainerRecord,
  signal: number,
  seconds: number,
): Promise<void> {
  signalForeground(root, record, signal);
  if (await hasEnded(root, record, seconds < 0 ? Number.POSITIVE_INFINITY : seconds * 1000)) return;
  for (const folder of record.cgroups) killProcesses(folder);
  recordEvent(root, record, 'kill', { signal: String(SIGKILL) });
  if (!(await hasEnded(root, record, PATIENCE_MS)))
    throw new KnownError('E_RUN', `the tsrun of the container ${record.id} does not put it away`, {
      hint: 'it may be stopped itself: continue or kill it',
    });
}

/** Its exit status; what nothing is left of is told by the journal of events. */
export async function waitForForeground(root: string, record: ContainerRecord): Promise<number> {
  await hasEnded(root, record, Number.POSITIVE_INFINITY);
  let status = readRecord(root, record.id)?.exitCode;
  const all = { since: 0n, until: BigInt(Date.now()) * 1_000_000n };
  if (status === undefined)
    for await (const { id, action, attributes } of readEvents(root, all))
      if (id === record.id && action === 'die') status = Number(attributes['exitCode']);
  // Its program was killed, and the container with it.
  return status ?? 128 + SIGKILL;
}

async function hasEnded(root: string, { id }: ContainerRecord, patienceMs: number): Promise<boolean> {
  for (const end = Date.now() + patienceMs; Date.now() < end; await delay(LOOK_MS))
    if (!isAttended(root, id)) return true;
  return !isAttended(root, id);
}
