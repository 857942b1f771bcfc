/** `tscontainer prune` */
import { createInterface } from 'node:readline/promises';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { listContainers } from '../containers/list-containers.js';
import { parseGoTime } from '../images/go-time.js';
import { humanSize } from '../images/human.js';
import type { FilterList } from '../images/image-filters.js';
import { parseUntil } from '../images/until.js';
import { find } from '../life/ask.js';
import { destroyContainer } from '../life/lifecycle.js';
import { labelsOf, writableSize } from '../views/container-facts.js';
import type { CliContext } from './main.js';

const WARNING = 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ';

export async function pruneContainers(
  root: string,
  { force, filters }: { force: boolean; filters: FilterList },
  context: CliContext,
): Promise<void> {
  const accepts = pruneFilter(filters);
  if (!force && !(await isSure(context))) return;
  const removed: string[] = [];
  let bytes = 0;
  for (const { id } of listContainers(root)) {
    const record = find(root, id);
    if ((record.state !== 'exited' && record.state !== 'created') || !accepts(record)) continue;
    const size = writableSize(root, record);
    try {
      await destroyContainer(root, id, false);
    } catch (error) {
      // Somebody started or removed it in the meantime.
      if (error instanceof KnownError && (error.code === 'E_CONFLICT' || error.code === 'E_NO_CONTAINER')) continue;
      throw error;
    }
    bytes += size;
    removed.push(`${id}\n`);
  }
  if (removed.length > 0) context.out(`Deleted Containers:\n${removed.join('')}\n`);
  context.out(`Total reclaimed space: ${humanSize(bytes)}\n`);
}

async function isSure(context: CliContext): Promise<boolean> {
  context.out(WARNING);
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const line of lines) return /^y(es)?$/i.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
}

function pruneFilter(filters: FilterList): (record: ContainerRecord) => boolean {
  const tests = filters.map(([name, value]): ((record: ContainerRecord) => boolean) => {
    const has = ({ labels }: { labels: Record<string, string> }): boolean => {
      const [key = '', wanted] = value.split(/=(.*)/s);
      return Object.hasOwn(labels, key) && (wanted === undefined || labels[key] === wanted);
    };
    if (name === 'label') return (record) => has({ labels: labelsOf(record) });
    if (name === 'label!') return (record) => !has({ labels: labelsOf(record) });
    if (name !== 'until') throw new KnownError('E_USAGE', `invalid filter '${printable(name, 100)}'`);
    const until = parseUntil(value, Date.now());
    return ({ created }) => parseGoTime(created).nanoseconds < until;
  });
  return (record) => tests.every((test) => test(record));
}
