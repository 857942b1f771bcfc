/** On which lines the tables and keys of a TOML document are. The parser tells it for errors only. */

export interface Section {
  /** Names, and for arrays of tables numbers from 0: `registry`, `1`, `mirror`, `0`. */
  readonly path: readonly (string | number)[];
  /** Counted from 1; 0 for what comes before the first header. */
  readonly line: number;
  /** The header as it stands there. */
  readonly header: string;
  /** Lines of the keys that are written on lines of their own. */
  readonly keys: ReadonlyMap<string, number>;
}

const name = String.raw`"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+`;
const dotted = String.raw`(?:${name})(?:\s*\.\s*(?:${name}))*`;
const headerLine = new RegExp(String.raw`^\s*(\[{1,2})\s*(${dotted})\s*\]{1,2}\s*(?:#.*)?$`);
const keyLine = new RegExp(String.raw`^\s*(${name})\s*[.=]`);

/** The sections in the order of the file, with the one before the first header first. Expects a valid document. */
export function findSections(text: string): Section[] {
  let keys = new Map<string, number>();
  const sections: Section[] = [{ path: [], line: 0, header: '', keys }];
  const counts = new Map<string, number>();
  let quotes: string | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const inString = quotes !== undefined;
    quotes = quotesAfter(line, quotes);
    if (inString) continue;
    const [, brackets, dottedName] = headerLine.exec(line) ?? [];
    if (dottedName === undefined) {
      const [, key] = keyLine.exec(line) ?? [];
      if (key !== undefined && !keys.has(unquote(key))) keys.set(unquote(key), index + 1);
      continue;
    }
    keys = new Map();
    const path = pathOf(dottedName, brackets === '[[', counts);
    sections.push({ path, line: index + 1, header: line.replace(/#.*$/, '').trim(), keys });
  }
  return sections;
}

export function sectionAt(sections: readonly Section[], path: readonly (string | number)[]): Section | undefined {
  return sections.find((section) => section.path.join('\n') === path.join('\n'));
}

/** The number of an array's newest table belongs to every path below it. */
function pathOf(dottedName: string, isArray: boolean, counts: Map<string, number>): (string | number)[] {
  const names = dottedName.match(new RegExp(name, 'g'))?.map(unquote) ?? [];
  const path: (string | number)[] = [];
  for (const [index, part] of names.entries()) {
    path.push(part);
    const key = path.join('\n');
    if (isArray && index === names.length - 1) counts.set(key, (counts.get(key) ?? -1) + 1);
    const count = counts.get(key);
    if (count !== undefined) path.push(count);
  }
  return path;
}

/** Which quotes of a string over several lines are open at the end of a line. */
function quotesAfter(line: string, before: string | undefined): string | undefined {
  let open = before;
  for (const [mark] of line.matchAll(/"""|'''/g)) {
    if (open === undefined) open = mark;
    else if (open === mark) open = undefined;
  }
  return open;
}

function unquote(part: string): string {
  if (part.startsWith("'")) return part.slice(1, -1);
  if (!part.startsWith('"')) return part;
  return part.slice(1, -1).replace(/\\(["\\])/g, '$1');
}
