import { createDecoder } from './decompress.js';
import { TarReader } from './reader.js';
import { TreeWriter } from './tree-writer.js';

const BUFFER_BYTES = 1024 * 1024;

/**
 * Unpacks an archive, compressed or not, into an empty directory. Names that mean deletions in a layer are names like others here.
 *
 * @param directory a descriptor
 * @throws KnownError E_ARCHIVE for what is no archive, is cut off or leads out of the directory
 */
export async function extractArchive(directory: number, archive: AsyncIterable<Buffer>): Promise<void> {
  const tree = new TreeWriter(directory, false, false);
  const reader = new TarReader({
    raw: () => undefined,
    entry: (entry) => void tree.add(entry),
    data: (buffer, start, end) => tree.data(buffer, start, end),
    entryEnd: () => tree.endOfEntry(),
  });
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const decoder = createDecoder({ buffer, flush: (length) => reader.push(buffer, length) });
  try {
    let bytes = 0;
    for await (const chunk of archive) {
      bytes += chunk.length;
      decoder.push(chunk);
    }
    // Nothing at all is an archive of nothing.
    if (bytes > 0) decoder.finish();
    reader.finish();
    tree.finish();
  } finally {
    decoder.close();
    tree.close();
  }
}
