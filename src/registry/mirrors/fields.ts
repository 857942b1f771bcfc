/** Reads the values of a configuration table: each has the type that its format wants, or the file and line are told. */
import { printable } from '../../../store/printable.js';
import type { Provenance } from '../endpoint-plan.js';
import { configError } from './config-file.js';
import { type Section, sectionAt } from './toml-sections.js';

export interface Fields {
  /** Where this table begins. */
  readonly at: Provenance;
  readonly names: readonly string[];
  value(name: string): unknown;
  text(name: string): string | undefined;
  flag(name: string): boolean | undefined;
  /** A list of strings. */
  texts(name: string): string[] | undefined;
  /** One string, or a list of them. */
  textOrTexts(name: string): string[] | undefined;
  table(name: string): Fields | undefined;
  tables(name: string): Fields[];
  /** Where a key is, as far as that is known. */
  placeOf(name: string): Provenance;
  /** Names a key that is not among `known`, for a note. */
  unknownNames(known: readonly string[]): string[];
}

interface Context {
  readonly file: string;
  readonly sections: readonly Section[];
  readonly path: readonly (string | number)[];
}

export function fieldsOf(value: unknown, context: Context): Fields {
  const { file, sections, path } = context;
  const section = sectionAt(sections, path);
  const at: Provenance = section
    ? { file, line: section.line || undefined, section: section.header }
    : { file, line: parentLine(sections, path), section: path.join('.') };
  const what = path.length === 0 ? 'the document' : `"${printable(String(path.at(-1)), 100)}"`;
  if (!isTable(value)) throw configError(at, `${what} is no table`);
  const get = (name: string): unknown => (Object.hasOwn(value, name) ? value[name] : undefined);
  const placeOf = (name: string): Provenance => ({ ...at, line: section?.keys.get(name) ?? at.line });
  const wrong = (name: string, wanted: string) =>
    configError(placeOf(name), `"${printable(name, 100)}" is no ${wanted}`);
  const typed = <T>(name: string, is: (found: unknown) => found is T, wanted: string): T | undefined => {
    const found = get(name);
    if (found === undefined || is(found)) return found;
    throw wrong(name, wanted);
  };
  return {
    at,
    names: Object.keys(value),
    value: get,
    text: (name) => typed(name, isText, 'string'),
    flag: (name) => typed(name, (found) => typeof found === 'boolean', 'true or false'),
    texts: (name) => typed(name, isTextList, 'list of strings'),
    textOrTexts: (name) => {
      const found = get(name);
      return isText(found) ? [found] : typed(name, isTextList, 'string or list of strings');
    },
    table: (name) => (get(name) === undefined ? undefined : fieldsOf(get(name), { ...context, path: [...path, name] })),
    tables: (name) =>
      (typed(name, Array.isArray, 'array of tables') ?? []).map((item, index) =>
        fieldsOf(item, { ...context, path: [...path, name, index] }),
      ),
    placeOf,
    unknownNames: (known) => Object.keys(value).filter((name) => !known.includes(name)),
  };
}

/** A table that is written inside another one: the line of its key there. */
function parentLine(sections: readonly Section[], path: readonly (string | number)[]): number | undefined {
  const parent = sectionAt(sections, path.slice(0, -1));
  return parent?.keys.get(String(path.at(-1))) ?? (parent?.line || undefined);
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}
