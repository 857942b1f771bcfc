import type { Measurement } from './measure.js';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

export interface Row {
  name: string;
  measurements: readonly Measurement[];
}

/**
 * One line a tool: medians, and the median over the rounds of our value divided by the tool's value of the same round, so that
 * a slow moment of the machine meets both.
 */
export function comparison([first, ...others]: readonly Row[]): string {
  if (first === undefined) return '';
  const header = ['', 'wall s', 'cpu s', 'peak MB', 'wall: ours/its', 'cpu: ours/its'];
  const lines = [first, ...others].map(({ name, measurements }) => {
    const ratio = (key: 'wall' | 'cpu'): string =>
      name === first.name
        ? ''
        : median(measurements.map((it, round) => (first.measurements[round]?.[key] ?? Number.NaN) / it[key])).toFixed(
            2,
          );
    const of = (key: keyof Measurement): number => median(measurements.map((it) => it[key]));
    return [
      name,
      of('wall').toFixed(3),
      of('cpu').toFixed(2),
      (of('rss') / 1e6).toFixed(0),
      ratio('wall'),
      ratio('cpu'),
    ];
  });
  const widths = header.map((title, column) =>
    Math.max(...[header, ...lines].map((line) => line[column]?.length ?? title.length)),
  );
  return [header, ...lines]
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}
