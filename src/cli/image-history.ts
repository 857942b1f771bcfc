/** `tsimage history` */
import type { ImageIndex } from '../images/find.js';
import { findImage } from '../images/find.js';
import { unixSeconds } from '../images/go-time.js';
import { type HistoryStep, imageHistory } from '../images/history.js';
import { humanDuration, humanSize, shortId } from '../images/human.js';
import type { GoStruct } from '../template/values.js';
import { ellipsis } from './display-width.js';
import { cell, formatRows, rowFormat } from './format-rows.js';

export interface HistoryOptions {
  human: boolean;
  quiet: boolean;
  trunc: boolean;
  format: string | undefined;
}

const headings = new Map(
  Object.entries({
    ID: 'IMAGE',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    CreatedBy: 'CREATED BY',
    Size: 'SIZE',
    Comment: 'COMMENT',
  }),
);
const createdByWidth = 45;

export function imageHistoryText(index: ImageIndex, name: string, options: HistoryOptions): string {
  const when = options.human ? '{{.CreatedSince}}' : '{{.CreatedAt}}';
  const table = `{{.ID}}\t${when}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
  const format = rowFormat(options.format, options.quiet, { table, quiet: '{{.ID}}' });
  const now = Date.now();
  const steps = imageHistory(index, findImage(index, name));
  return formatRows(
    format,
    headings,
    steps.map((step) => stepView(step, options, now)),
  );
}

function stepView(step: HistoryStep, { human, trunc }: HistoryOptions, now: number): GoStruct {
  const field = (name: string, value: string) => ({ name, value: cell(value) });
  const seconds = unixSeconds(step.created);
  const createdBy = step.createdBy.replaceAll('\t', ' ');
  const createdAt = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
  const id = step.id ?? '<missing>';
  return {
    kind: 'struct',
    type: '*image.historyContext',
    escapeHtml: true,
    fields: [
      field('Comment', step.comment),
      field('CreatedAt', createdAt),
      field('CreatedBy', trunc ? ellipsis(createdBy, createdByWidth) : createdBy),
      field('CreatedSince', human ? age(seconds, now) : createdAt),
      field('ID', trunc && step.id !== undefined ? shortId(id) : id),
      field('Size', human ? humanSize(step.size) : String(step.size)),
    ],
  };
}

/** Docker shows no age for times up to 1970, which stand for "unknown" in images that are built reproducibly. */
function age(seconds: number, now: number): string {
  return seconds <= 0 ? 'N/A' : `${humanDuration(now - seconds * 1000)} ago`;
}
