/** Containers that a supervisor stands by: `tsrun -d`, `--restart`, and `tscontainer create`. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { isErrno, KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { startContainer } from '../life/lifecycle.js';
import { type CreateRequest, createContainer } from '../run/create-container.js';
import type { RunOptions } from '../run/run-options.js';
import { type IdleSupervisor, spawnSupervisor } from '../supervisor/spawn-supervisor.js';
import { joinStreams, terminalSize, toOurOutputs } from './attach-streams.js';
import { defaultDetachKeys, parseDetachKeys } from './detach-keys.js';
import { labelFlags, lifeOptions, restartFlag } from './life-flags.js';
import { endQuietlyOnBrokenPipe } from './main.js';
import { type ParsedFlags, usage } from './run-flag-parser.js';

export type Say = (text: string) => void;

/** What the flags say of its life. @throws KnownError E_USAGE for what makes no sense */
export function lifeFlags(flags: ParsedFlags, { runtime }: RunOptions): Partial<RunOptions> {
  restartFlag(flags);
  if (runtime !== undefined) throw usage('conflicting options: --runtime is for containers in the foreground');
  return { ...lifeOptions(flags), labels: labelFlags(flags.all('label-file'), flags.all('label')) };
}

/** Makes the container that the flags describe; the id goes to the `--cidfile`, warnings are said. */
export async function createFromFlags(
  flags: ParsedFlags,
  request: Omit<CreateRequest, 'restart'>,
  say: Say,
): Promise<ContainerRecord> {
  const restart = restartFlag(flags);
  const options = { ...request.options, ...lifeFlags(flags, request.options) };
  const cidFile = openCidFile(flags.last('cidfile'));
  try {
    const { record, warnings } = await createContainer({ ...request, options, ...(restart && { restart }) });
    for (const warning of warnings) say(`WARNING: ${warning}\n`);
    cidFile?.write(record.id);
    return record;
  } finally {
    cidFile?.close();
  }
}

export function startSupervisor(): IdleSupervisor & Disposable {
  const supervisor = spawnSupervisor();
  return { ...supervisor, [Symbol.dispose]: () => void supervisor.socket.destroy() };
}

export async function runSupervised(
  flags: ParsedFlags,
  request: Omit<CreateRequest, 'restart'>,
  supervisor: IdleSupervisor,
  say: Say,
): Promise<number> {
  const isDetached = flags.has('detach');
  const detachKeys = parseDetachKeys(flags.last('detach-keys') ?? defaultDetachKeys);
  // What is attached later does not end the input of one that was detached from the beginning.
  const options = isDetached ? { ...request.options, stdinOnce: false } : request.options;
  const record = await createFromFlags(flags, { ...request, options }, say);
  if (isDetached) {
    await startContainer(request.root, record.id, { supervisor });
    writeSync(1, `${record.id}\n`);
    return 0;
  }
  endQuietlyOnBrokenPipe();
  const size = terminalSize();
  const attachment = await startContainer(request.root, record.id, {
    supervisor,
    attach: toOurOutputs,
    ...(size && { size }),
  });
  if (attachment === undefined) throw new Error('attached to nothing');
  const { interactive: input = false } = request.options;
  const end = await joinStreams(attachment, { input, detachKeys, signals: flags.last('sig-proxy') !== 'false' });
  if (end === 'detached') return 0;
  if (end === undefined)
    throw new KnownError('E_RUN', `the supervisor of the container ${record.id} was killed`, { exitCode: 137 });
  return end;
}

/** Made before the container, so that an id never goes astray. */
function openCidFile(path: string | undefined): { write(id: string): void; close(): void } | undefined {
  if (path === undefined || path === '') return undefined;
  try {
    const fd = openSync(path, 'wx', 0o644);
    return { write: (id) => void writeSync(fd, id), close: () => closeSync(fd) };
  } catch (cause) {
    const message = isErrno(cause, 'EEXIST')
      ? `container ID file found, make sure the other container isn't running or delete ${printable(path)}`
      : `failed to create the container ID file: open ${printable(path)}: ${String(cause)}`;
    throw new KnownError('E_USAGE', message, { cause, exitCode: 125 });
  }
}
