/** A pull on a terminal: a line for each layer that is in work, redrawn in place, with the whole above it. */
import ora from 'ora';
import { humanSize } from '../images/human.js';
import type { LayerStatus, PullEvent } from '../pull/pull-event.js';
import type { PullReporter } from './pull-command.js';
import { shortDigest } from './pull-lines.js';

interface Row {
  digest: string;
  status: LayerStatus;
  current: number;
  total: number;
}

const BAR_COLUMNS = 30;
/** More layers than this are summed up in one line, so that the display fits a small terminal. */
const MAX_ROWS = 12;

export function bar(current: number, total: number, columns = BAR_COLUMNS): string {
  const filled = total <= 0 ? columns : Math.min(columns, Math.floor((current / total) * columns));
  return `[${'='.repeat(filled)}${filled < columns ? `>${' '.repeat(columns - filled - 1)}` : ''}]`;
}

const words: Record<LayerStatus, string> = {
  exists: 'already exists',
  elsewhere: 'another process is fetching it',
  queued: 'waiting',
  downloading: 'downloading',
  verified: 'verified',
  complete: 'complete',
};

function rowText(row: Row): string {
  const id = shortDigest(row.digest);
  if (row.status !== 'downloading') return `${id}  ${words[row.status]}`;
  return `${id}  ${bar(row.current, row.total)} ${humanSize(row.current)}/${humanSize(row.total)}`;
}

/** The display for a terminal of `columns`: the sum first, then the layers in work, then how many others there are. */
export function renderRows(rows: Row[], seconds: number, columns: number): string {
  const needed = rows.filter(({ status }) => status !== 'exists');
  const total = needed.reduce((sum, row) => sum + row.total, 0);
  const current = needed.reduce((sum, row) => sum + (isFetched(row) ? row.total : row.current), 0);
  const rate = seconds > 0.5 ? `  ${humanSize(current / seconds)}/s` : '';
  const done = rows.filter(({ status }) => status === 'complete' || status === 'exists').length;
  const active = rows.filter(({ status }) => status !== 'complete' && status !== 'exists');
  const lines = [`${done}/${rows.length} layers  ${humanSize(current)} of ${humanSize(total)}${rate}`];
  for (const row of active.slice(0, MAX_ROWS)) lines.push(`  ${rowText(row)}`);
  if (active.length > MAX_ROWS) lines.push(`  and ${active.length - MAX_ROWS} more`);
  return lines.map((line) => line.slice(0, Math.max(columns - 3, 20))).join('\n');
}

function isFetched({ status }: Row): boolean {
  return status === 'verified' || status === 'complete';
}

export function terminalReporter(lines: PullReporter): PullReporter {
  const rows: Row[] = [];
  const started = performance.now();
  const spinner = ora({ stream: process.stderr, discardStdin: false });
  const draw = () => {
    spinner.text = renderRows(rows, (performance.now() - started) / 1000, process.stderr.columns ?? 80);
  };
  const onEvent = (event: PullEvent) => {
    if (event.type === 'receiving') {
      lines.onEvent(event);
      spinner.text = `receiving the archive  ${humanSize(event.bytes)}`;
      spinner.start();
    } else if (event.type === 'manifest') {
      rows.length = 0;
      for (const { digest, size } of event.layers) rows.push({ digest, status: 'queued', current: 0, total: size });
      lines.onEvent(event);
      draw();
      spinner.start();
    } else if (event.type === 'layer' || event.type === 'progress') {
      const row = rows[event.index];
      if (row === undefined) return;
      if (event.type === 'layer') row.status = event.status;
      else row.current = event.current;
      draw();
    } else {
      if (event.type !== 'retry') spinner.stop();
      lines.onEvent(event);
    }
  };
  return { onEvent, end: () => void spinner.stop() };
}
