/** `tscontainer stats` */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerRecord } from '../containers/container-record.js';
import { findContainer, listContainers } from '../containers/list-containers.js';
import { trueRecord } from '../containers/true-state.js';
import { humanSize, shortId } from '../images/human.js';
import { sampleUsage, type UsageSample } from '../life/usage.js';
import type { GoStruct } from '../template/values.js';
import { cell, formatRows, rowFormat } from './format-rows.js';
import type { CliContext } from './main.js';

export interface StatsOptions {
  names: readonly string[];
  all: boolean;
  stream: boolean;
  trunc: boolean;
  format: string | undefined;
}

const INTERVAL_MS = 1000;
/** Goes to the top, and clears what is below the text. */
const [HOME, CLEAR] = ['\u001b[H', '\u001b[J'];
const CLEAR_ALL = '\u001b[2J';
const table = '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}';
const headings = new Map(
  Object.entries({
    Container: 'CONTAINER',
    ID: 'CONTAINER ID',
    Name: 'NAME',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
  }),
);
const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Processor time is that of the second between two samples. */
export async function containerStats(root: string, options: StatsOptions, context: CliContext): Promise<void> {
  const chosen = rowFormat(options.format, false, { table, quiet: '{{.ID}}' });
  let before = sampleAll(root, options);
  if (options.stream && chosen.isTable) context.out(CLEAR_ALL);
  do {
    try {
      await delay(INTERVAL_MS, undefined, { signal: context.signal });
    } catch (error) {
      if (context.signal.aborted) return;
      throw error;
    }
    const now = sampleAll(root, options);
    const rows = now.map(({ record, sample }) => {
      const previous = before.find((one) => one.record.id === record.id)?.sample;
      return rowView(record, previous, sample, options.trunc);
    });
    const text = formatRows(chosen, headings, rows);
    context.out(options.stream && chosen.isTable ? `${HOME}${text.replaceAll('\n', '\u001b[K\n')}${CLEAR}` : text);
    before = now;
  } while (options.stream);
}

interface Sampled {
  record: ContainerRecord;
  /** Undefined of one that does not run. */
  sample: UsageSample | undefined;
}

function sampleAll(root: string, { names, all }: StatsOptions): Sampled[] {
  const records = names.length > 0 ? names.map((name) => findContainer(root, name)) : listContainers(root);
  return records
    .map((record) => trueRecord(root, record))
    .map((record) => ({ record, isUp: record.state === 'running' || record.state === 'paused' }))
    .filter(({ isUp }) => isUp || all || names.length > 0)
    .map(({ record, isUp }) => ({ record, sample: isUp ? sampleUsage(record) : undefined }));
}

function rowView(
  record: ContainerRecord,
  before: UsageSample | undefined,
  sample: UsageSample | undefined,
  trunc: boolean,
): GoStruct {
  const { memory = 0, memoryLimit = 0, blockRead = 0, blockWrite = 0, processes = 0 } = sample ?? {};
  const isKnown = sample !== undefined && before !== undefined;
  const cpu = isKnown ? (100 * (sample.cpuUs - before.cpuUs)) / (1000 * (sample.time - before.time)) : 0;
  const percent = (value: number): string => `${value.toFixed(2)}%`;
  const field = (name: string, value: string) => ({ name, value: cell(value) });
  const id = trunc ? shortId(record.id) : record.id;
  return {
    kind: 'struct',
    type: '*container.statsContext',
    escapeHtml: true,
    fields: [
      field('BlockIO', `${humanSize(blockRead)} / ${humanSize(blockWrite)}`),
      field('CPUPerc', percent(cpu)),
      field('Container', id),
      field('ID', id),
      field('MemPerc', percent(memoryLimit === 0 ? 0 : (100 * memory) / memoryLimit)),
      field('MemUsage', `${binarySize(memory)} / ${binarySize(memoryLimit)}`),
      field('Name', record.name),
      // Networks of a container's own have no device but the loopback.
      field('NetIO', '0B / 0B'),
      field('PIDs', String(processes)),
    ],
  };
}

/** Four significant digits. */
function binarySize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < binary.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${binary[unit]}`;
}
