/** `tscontainer ls` */
import { posix } from 'node:path';
import type { ContainerRecord } from '../containers/container-record.js';
import { parseGoTime, printLocalTime, unixSeconds } from '../images/go-time.js';
import { humanDuration, humanSize, shortId } from '../images/human.js';
import type { FilterList } from '../images/image-filters.js';
import { quote } from '../template/go-quote.js';
import type { GoStruct } from '../template/values.js';
import { commandText, labelsOf, mountsOf, networksOf, statusText } from '../views/container-facts.js';
import { imageText, type Listing, listForPs, sizesOf } from '../views/container-rows.js';
import { ellipsis } from './display-width.js';
import { cell, formatRows, rowFormat } from './format-rows.js';

export interface PsOptions {
  all: boolean;
  quiet: boolean;
  size: boolean;
  trunc: boolean;
  last: number;
  filters: FilterList;
  format: string | undefined;
}

const COMMAND_COLUMNS = 20;
const MOUNT_COLUMNS = 15;
const table = '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}';
const headings = new Map(
  Object.entries({
    ID: 'CONTAINER ID',
    Names: 'NAMES',
    Image: 'IMAGE',
    Command: 'COMMAND',
    CreatedAt: 'CREATED AT',
    RunningFor: 'CREATED',
    Ports: 'PORTS',
    State: 'STATE',
    Status: 'STATUS',
    Size: 'SIZE',
    Labels: 'LABELS',
    Mounts: 'MOUNTS',
    LocalVolumes: 'LOCAL VOLUMES',
    Networks: 'NETWORKS',
    Platform: 'PLATFORM',
  }),
);

export function containerLs(root: string, options: PsOptions): string {
  const defaults = { table: options.size ? `${table}\t{{.Size}}` : table, quiet: '{{.ID}}' };
  const chosen = rowFormat(options.format, options.quiet, defaults);
  const listing = listForPs(root, options);
  const now = Date.now();
  const size = options.size || chosen.template.includes('.Size');
  const images = imageTexts(listing, options.trunc);
  const rows = listing.records.map((record) => rowView(listing, record, { ...options, size, now, images }));
  return formatRows(chosen, headings, rows);
}

/** An image is looked for once, however many containers stand on it. */
function imageTexts({ index }: Listing, trunc: boolean): (record: ContainerRecord) => string {
  const known = new Map<string, string>();
  return (record) => {
    const key = `${record.image.id} ${record.image.name}`;
    const text = known.get(key) ?? imageText(index(), record, trunc);
    known.set(key, text);
    return text;
  };
}

interface RowOptions {
  trunc: boolean;
  size: boolean;
  now: number;
  images: (record: ContainerRecord) => string;
}

function rowView({ index }: Listing, record: ContainerRecord, { trunc, size, now, images }: RowOptions): GoStruct {
  const field = (name: string, value: string) => ({ name, value: cell(value) });
  /** Worked out when a template asks for it. */
  const late = (name: string, value: () => string) => ({
    name,
    get value() {
      return cell(value());
    },
  });
  const command = commandText(record.command);
  const labels = Object.entries(labelsOf(record)).sort(([a], [b]) => (a < b ? -1 : 1));
  const mounts = mountsOf(record).filter(({ type }) => type !== 'tmpfs');
  const shown = mounts.map(({ name, source }) => name ?? posix.normalize(source));
  return {
    kind: 'struct',
    type: '*formatter.ContainerContext',
    escapeHtml: true,
    fields: [
      field('Command', quote(trunc ? ellipsis(command, COMMAND_COLUMNS) : command)),
      late('CreatedAt', () => printLocalTime(unixSeconds(parseGoTime(record.created)))),
      field('ID', trunc ? shortId(record.id) : record.id),
      late('Image', () => images(record)),
      field('Labels', labels.map(([name, value]) => `${name}=${value}`).join(',')),
      field('LocalVolumes', String(mounts.filter(({ type }) => type === 'volume').length)),
      field('Mounts', shown.map((name) => (trunc ? ellipsis(name, MOUNT_COLUMNS) : name)).join(',')),
      field('Names', record.name),
      field('Networks', networksOf(record).join(',')),
      { name: 'Platform', value: null },
      field('Ports', ''),
      field('RunningFor', `${humanDuration(now - Date.parse(record.created))} ago`),
      field('Size', size ? sizeText(index(), record) : '0B'),
      field('State', record.state),
      field('Status', statusText(record, now)),
    ],
  };
}

function sizeText(index: ReturnType<Listing['index']>, record: ContainerRecord): string {
  const { own, total } = sizesOf(index, record);
  return total === 0 ? humanSize(own) : `${humanSize(own)} (virtual ${humanSize(total)})`;
}
