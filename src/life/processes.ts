/** The processes of a container, as the host's ps(1) shows them. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { ContainerRecord } from '../containers/container-record.js';
import { recordEvent } from '../containers/events/journal.js';

export interface ProcessTable {
  titles: string[];
  rows: string[][];
}

/** Ids on the host, also of those in cgroups that the container made below its own. */
export function processIds({ cgroups: [folder] }: ContainerRecord): number[] {
  return folder === undefined ? [] : idsBelow(folder);
}

function idsBelow(folder: string): number[] {
  try {
    const own = readFileSync(join(folder, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean).map(Number);
    const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own, ...below.flatMap(({ name }) => idsBelow(join(folder, name)))];
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}

/** @param options of ps(1); they have to show the column PID */
export function processTable(root: string, record: ContainerRecord, options: readonly string[]): ProcessTable {
  if (record.state !== 'running' && record.state !== 'paused')
    throw new KnownError('E_CONFLICT', `Container ${record.id} is not running`);
  const ids = new Set(processIds(record).map(String));
  const { status, stdout, stderr, error } = spawnSync('ps', options, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error !== undefined || status !== 0)
    throw new KnownError('E_USAGE', `error running ps: ${printable(error?.message ?? stderr.trim(), 400)}`, {
      hint: 'install ps(1), and look at its options',
    });
  const [header = '', ...lines] = stdout.split('\n');
  const titles = header.trim().split(/\s+/);
  const at = titles.indexOf('PID');
  if (at === -1) throw new KnownError('E_USAGE', "Couldn't find PID field in ps output");
  const rows = lines.map((line) => fieldsOf(line, titles.length)).filter((fields) => ids.has(fields[at] ?? ''));
  recordEvent(root, record, 'top');
  return { titles, rows };
}

/** The last column may have blanks. */
function fieldsOf(line: string, count: number): string[] {
  const fields = line.trim().split(/\s+/);
  return [...fields.slice(0, count - 1), fields.slice(count - 1).join(' ')];
}
