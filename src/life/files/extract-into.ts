import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { type CopyOptions, copyEntries } from '../../../store/fs/copy-tree.js';
import { randomId } from '../../../store/fs/random-id.js';
import { removeTree } from '../../../store/fs/remove-tree.js';
import { extractArchive } from '../../../store/tar/extract-archive.js';
import { containerFiles } from '../../containers/container-files.js';

/** Unpacks an archive aside, where nobody is in the way, and copies what it holds over a directory. A damaged one changes nothing. */
export async function extractInto(
  root: string,
  id: string,
  archive: AsyncIterable<Buffer>,
  target: number,
  options: CopyOptions,
): Promise<void> {
  const aside = join(containerFiles(root, id).dir, `copy-${randomId().slice(0, 12)}`);
  mkdirSync(aside, { mode: 0o700 });
  try {
    const source = openSync(aside, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      await extractArchive(source, archive);
      copyEntries(source, target, options);
    } finally {
      closeSync(source);
    }
  } finally {
    removeTree(aside);
  }
}
