/** `tsimage import` */

import { printable } from '../../store/printable.js';
import { importImage } from '../import/import-image.js';
import { isUrl } from '../import/import-source.js';
import type { CliContext } from './main.js';

export interface ImportFlags {
  root?: string;
  change?: string[];
  message?: string;
  platform?: string;
  ca?: string[];
}

export async function importCommand(
  source: string,
  target: string | undefined,
  { root, change, message, platform, ca }: ImportFlags,
  { out, signal }: CliContext,
): Promise<void> {
  if (isUrl(source)) out(`Downloading from ${printable(source, 1000)}\n`);
  const id = await importImage(source, target, {
    ...(root !== undefined && { root }),
    ...(change !== undefined && { changes: change }),
    ...(message !== undefined && { message }),
    ...(platform !== undefined && { platform }),
    ...(ca !== undefined && { caFiles: ca }),
    signal,
  });
  out(`${id}\n`);
}
