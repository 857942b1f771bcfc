/** `tsimage ls` */
import type { ImageIndex } from '../images/find.js';
import { printLocalTime, unixSeconds, zeroTime } from '../images/go-time.js';
import { humanDuration, humanSize, shortId } from '../images/human.js';
import type { FilterList } from '../images/image-filters.js';
import { type ImageRow, imageRows, listImages } from '../images/list.js';
import type { GoStruct } from '../template/values.js';
import { cell, formatRows, rowFormat } from './format-rows.js';

export interface LsOptions {
  all: boolean;
  digests: boolean;
  quiet: boolean;
  /** Short ids. */
  trunc: boolean;
  filters: FilterList;
  format: string | undefined;
}

const created = '{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}';
const columns = `{{.ID}}\t${created}\t{{.Size}}`;
const headings = new Map(
  Object.entries({
    ID: 'IMAGE ID',
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    Digest: 'DIGEST',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    Size: 'SIZE',
    Containers: 'CONTAINERS',
    VirtualSize: 'SIZE',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
  }),
);
const raw =
  'repository: {{.Repository}}\ntag: {{.Tag}}\nDIGESTimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n';

export function imageLs(index: ImageIndex, options: LsOptions): string {
  const now = Date.now();
  const { digests, trunc } = options;
  const defaults = {
    table: `{{.Repository}}\t{{.Tag}}\t${digests ? '{{.Digest}}\t' : ''}${columns}`,
    quiet: '{{.ID}}',
  };
  const format = options.format === 'raw' ? rawFormat(options) : options.format;
  const chosen = rowFormat(format, options.quiet, defaults);
  const tagDigests = digests || chosen.template.includes('{{.Digest}}');
  const listed = listImages(index, { all: options.all, filters: options.filters, now });
  const rows = listed
    .flatMap((image) => imageRows(image, { tagDigests, ownDigests: digests }))
    .map((row) => rowView(row, trunc, now));
  return formatRows(chosen, headings, rows);
}

function rawFormat({ quiet, digests }: LsOptions): string {
  return quiet ? 'image_id: {{.ID}}' : raw.replace('DIGEST', digests ? 'digest: {{.Digest}}\n' : '');
}

function rowView({ image, repository, tag, digest }: ImageRow, trunc: boolean, now: number): GoStruct {
  const age = `${humanDuration(now - image.created * 1000)} ago`;
  const field = (name: string, value: string) => ({ name, value: cell(value) });
  return {
    kind: 'struct',
    type: '*formatter.imageContext',
    escapeHtml: true,
    fields: [
      field('Containers', 'N/A'),
      field('CreatedAt', printLocalTime(image.created)),
      field('CreatedSince', image.created === unixSeconds(zeroTime) ? '' : age),
      field('Digest', digest),
      field('ID', trunc ? shortId(image.id) : image.id),
      field('Repository', repository),
      field('SharedSize', 'N/A'),
      field('Size', humanSize(image.size)),
      field('Tag', tag),
      field('UniqueSize', 'N/A'),
      field('VirtualSize', humanSize(image.size, 4)),
    ],
  };
}
