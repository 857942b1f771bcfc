/** `tsimage save` */
import { setImmediate as turn } from 'node:timers/promises';
import { KnownError } from '../../store/errors.js';
import { createOutputFile } from '../../store/fs/output-file.js';
import type { SaveFormat } from '../images/save/archive-documents.js';
import { type ImageArchive, openImageArchive } from '../images/save/save.js';
import type { CliContext } from './main.js';

export interface SaveFlags {
  output?: string;
  format: SaveFormat;
}

export async function saveImages(
  root: string,
  names: readonly string[],
  { output, format }: SaveFlags,
  { signal }: Pick<CliContext, 'signal'>,
): Promise<void> {
  refuseTerminal(output);
  using archive = await openImageArchive({ root, names, format, signal });
  await writeArchive(archive, output, signal);
}

export function refuseTerminal(output: string | undefined): void {
  if (output === undefined && process.stdout.isTTY)
    throw new KnownError('E_USAGE', 'cowardly refusing to save to a terminal. Use the -o flag or redirect');
}

/** To a file, or to standard output. @throws KnownError E_OUTPUT, E_STORE */
export async function writeArchive(
  archive: ImageArchive,
  output: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (output === undefined) return await copy(archive, signal, toStandardOutput);
  using file = createOutputFile(output);
  await copy(archive, signal, async (bytes) => {
    file.write(bytes);
    await turn();
  });
  file.commit();
}

async function copy(archive: ImageArchive, signal: AbortSignal, write: (bytes: Buffer) => Promise<void>) {
  for (const piece of archive.pieces()) {
    signal.throwIfAborted();
    await write(piece);
  }
}

/** The piece is no longer needed when the stream says that it has written it. */
function toStandardOutput(bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
