/** The accounts of pulls as tables. */
import { printable } from '../../store/printable.js';
import { humanSize } from '../images/human.js';
import type { LayerAccount, Spent } from '../pull/account.js';
import type { PullEvent } from '../pull/pull-event.js';
import { shortDigest } from './pull-lines.js';
import type { PullReporter } from './pull-reporter.js';

const columns: [key: keyof Spent, heading: string][] = [
  ['queueMs', 'QUEUE'],
  ['dnsMs', 'DNS'],
  ['connectMs', 'CONNECT'],
  ['tlsMs', 'TLS'],
  ['firstByteMs', 'FIRST BYTE'],
  ['transferMs', 'TRANSFER'],
  ['stallMs', 'STALL'],
  ['decompressMs', 'DECOMPRESS'],
  ['applyMs', 'APPLY'],
  ['belowMs', 'BELOW'],
  ['syncMs', 'SYNC'],
  ['commitMs', 'COMMIT'],
  ['elsewhereMs', 'ELSEWHERE'],
];

/** Right-aligned, each as wide as it must be. */
function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')).join('\n');
}

/** Milliseconds by layer without those that nothing was spent on, and what they say. */
export function accountText(account: PullEvent & { type: 'account' }): string {
  const { layers, total, constraint, resolveMs, wallMs } = account;
  const shown = columns.filter(([key]) => Math.round(total[key]) > 0);
  const numbers = (spent: Spent) => shown.map(([key]) => String(Math.round(spent[key])));
  const rows = [
    ['LAYER', 'SIZE', 'UNPACKED', ...shown.map(([, heading]) => heading)],
    ...layers.map((layer) => [
      shortDigest(layer.digest),
      humanSize(layer.bytes),
      humanSize(layer.unpacked),
      ...numbers(layer),
    ]),
    ['all', humanSize(sum(layers, 'bytes')), humanSize(sum(layers, 'unpacked')), ...numbers(total)],
  ];
  const from = sources(layers).map(([url, bytes]) => `${humanSize(bytes)} from ${url}`);
  return [
    table(rows),
    `Milliseconds; ${Math.round(wallMs)} in all, ${Math.round(resolveMs)} of them before the first layer.`,
    ...(from.length === 0 ? [] : [`Received ${from.join(', ')}.`]),
    `Bound by ${constraint.text}.`,
    '',
  ].join('\n');
}

const sum = (layers: readonly LayerAccount[], key: 'bytes' | 'unpacked'): number =>
  layers.reduce((all, layer) => all + layer[key], 0);

function sources(layers: readonly LayerAccount[]): [url: string, bytes: number][] {
  const all = new Map<string, number>();
  for (const { url, bytes } of layers.flatMap(({ endpoints }) => endpoints)) all.set(url, (all.get(url) ?? 0) + bytes);
  return [...all];
}

export function timingsReporter(inner: PullReporter, err: (text: string) => void): PullReporter {
  const names: string[] = [];
  const accounts: (PullEvent & { type: 'account' })[] = [];
  return {
    onEvent(event) {
      inner.onEvent(event);
      if (event.type === 'start') names[event.pull] = event.reference;
      if (event.type === 'account') accounts.push(event);
    },
    end() {
      inner.end();
      for (const account of accounts.sort((a, b) => a.pull - b.pull)) {
        if (names.length > 1) err(`${printable(names[account.pull] ?? '')}\n`);
        err(accountText(account));
      }
    },
  };
}
