/** `tsimage prune` */
import { defaultRoot, openForWriting } from '../../store/store.js';
import { humanSize } from '../images/human.js';
import { type Pruned, pruneImages } from '../images/prune.js';
import type { CliContext } from './main.js';

export interface PruneFlags {
  root?: string;
  all?: boolean;
  force?: boolean;
  filter?: [string, string][];
}

export async function pruneCommand(flags: PruneFlags, context: CliContext): Promise<void> {
  const { root = defaultRoot(), all = false, force = false, filter = [] } = flags;
  if (!force && !(await isConfirmed(all, context))) return;
  using store = await openForWriting(root, context.signal);
  show(await pruneImages(store, { all, filters: filter, signal: context.signal }), context);
}

async function isConfirmed(all: boolean, { out }: CliContext): Promise<boolean> {
  const which = all ? 'all images without at least one container associated to them' : 'all dangling images';
  out(`WARNING! This will remove ${which}.\nAre you sure you want to continue? [y/N] `);
  const { createInterface } = await import('node:readline');
  for await (const line of createInterface({ input: process.stdin })) return line.trim().toLowerCase() === 'y';
  return false;
}

function show({ items, freed }: Pruned, { out }: CliContext): void {
  if (items.length > 0) {
    out('Deleted Images:\n');
    for (const item of items) out('untagged' in item ? `untagged: ${item.untagged}\n` : `deleted: ${item.deleted}\n`);
    out('\n');
  }
  out(`Total reclaimed space: ${humanSize(freed, 4)}\n`);
}
