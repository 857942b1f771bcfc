/**
 * Columns as Go's text/tabwriter lays them out with Docker's settings: a cell is what a tab ends, a column is a run of
 * lines that have a cell at that place, and it is as wide as its widest cell and three blanks, ten or another number at least.
 */
import { displayWidth } from './display-width.js';

const padding = 3;
const MINIMUM_WIDTH = 10;

/** @param text - lines with tabs between cells */
export function alignColumns(text: string, minimumWidth = MINIMUM_WIDTH): string {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const widths = lines.map((cells) => cells.map(() => 0));
  // The last cell of a line has no tab behind it and belongs to no column.
  const depth = Math.max(0, ...lines.map((cells) => cells.length - 1));
  for (let column = 0; column < depth; column++) measureColumn(lines, widths, { column, minimumWidth });
  return lines
    .map((cells, row) =>
      cells
        .map((cell, column) => {
          const width = widths[row]?.[column] ?? 0;
          return column === cells.length - 1 ? cell : cell + ' '.repeat(Math.max(0, width - displayWidth(cell)));
        })
        .join(''),
    )
    .join('\n');
}

function measureColumn(
  lines: readonly string[][],
  widths: number[][],
  { column, minimumWidth }: { column: number; minimumWidth: number },
): void {
  let start = 0;
  while (start < lines.length) {
    let end = start;
    let width = minimumWidth;
    while (end < lines.length && (lines[end]?.length ?? 0) > column + 1) {
      width = Math.max(width, displayWidth(lines[end]?.[column] ?? '') + padding);
      end++;
    }
    for (let row = start; row < end; row++) {
      const own = widths[row];
      if (own !== undefined) own[column] = width;
    }
    start = Math.max(end, start + 1);
  }
}
