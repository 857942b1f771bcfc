/** Pulls on a terminal: a line for each layer that is in work, redrawn in place, with the whole above it. */
import ora from 'ora';
import { humanSize } from '../images/human.js';
import type { LayerStatus, PullEvent, Total } from '../pull/pull-event.js';
import { shortDigest } from './pull-lines.js';
import type { PullReporter } from './pull-reporter.js';

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
  elsewhere: 'another pull is fetching it',
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

/** `1:05 left`, `2:00:09 left` */
export function timeLeft(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (part: number) => String(part).padStart(2, '0');
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)} left`;
}

/** The display for a terminal of `columns`: the sum first, then the layers in work, then how many others there are. */
export function renderRows(
  rows: readonly Row[],
  speed: Pick<Total, 'rate' | 'etaMs'> | undefined,
  columns: number,
): string {
  const needed = rows.filter(({ status }) => status !== 'exists' && status !== 'elsewhere');
  const total = needed.reduce((sum, row) => sum + row.total, 0);
  const current = needed.reduce((sum, row) => sum + (isFetched(row) ? row.total : row.current), 0);
  const rate = speed === undefined || speed.rate === 0 ? '' : `  ${humanSize(speed.rate)}/s`;
  const left = speed === undefined || speed.etaMs === null || current === total ? '' : `  ${timeLeft(speed.etaMs)}`;
  const done = rows.filter(({ status }) => status === 'complete' || status === 'exists').length;
  const active = rows.filter(({ status }) => status !== 'complete' && status !== 'exists');
  const lines = [`${done}/${rows.length} layers  ${humanSize(current)} of ${humanSize(total)}${rate}${left}`];
  for (const row of active.slice(0, MAX_ROWS)) lines.push(`  ${rowText(row)}`);
  if (active.length > MAX_ROWS) lines.push(`  and ${active.length - MAX_ROWS} more`);
  return lines.map((line) => line.slice(0, Math.max(columns - 3, 20))).join('\n');
}

function isFetched({ status }: Row): boolean {
  return status === 'verified' || status === 'complete';
}

export function terminalReporter(lines: PullReporter): PullReporter {
  const pulls = new Map<number, Row[]>();
  let speed: Total | undefined;
  const spinner = ora({ stream: process.stderr, discardStdin: false });
  const draw = () => {
    spinner.text = renderRows([...pulls.values()].flat(), speed, process.stderr.columns ?? 80);
  };
  const onEvent = (event: PullEvent) => {
    if (event.type === 'receiving') {
      lines.onEvent(event);
      spinner.text = `receiving the archive  ${humanSize(event.bytes)}`;
      spinner.start();
    } else if (event.type === 'manifest') {
      const rows = event.layers.map(({ digest, size }): Row => ({ digest, status: 'queued', current: 0, total: size }));
      pulls.set(event.pull, rows);
      spinner.stop();
      lines.onEvent(event);
      draw();
      spinner.start();
    } else if (event.type === 'layer' || event.type === 'progress') {
      const row = pulls.get(event.pull)?.[event.index];
      if (row === undefined) return;
      if (event.type === 'layer') row.status = event.status;
      else row.current = event.current;
      draw();
    } else if (event.type === 'total') {
      speed = event;
      draw();
    } else if (event.type === 'retry' || event.type === 'account') lines.onEvent(event);
    else {
      // Lines are written above the display, which goes on as long as another pull does.
      const goesOn = spinner.isSpinning;
      spinner.stop();
      if (event.type === 'done' || event.type === 'failed') pulls.delete(event.pull);
      lines.onEvent(event);
      draw();
      if (goesOn && pulls.size > 0) spinner.start();
    }
  };
  return { onEvent, end: () => void spinner.stop() };
}
