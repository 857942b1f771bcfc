/** The `--format` of commands that list: `table`, `table TEMPLATE`, `json`, or a template for each row. */
import { KnownError } from '../../store/errors.js';
import { goJsonString } from '../../store/oci/go-json.js';
import { printable } from '../../store/printable.js';
import { headingFunctions } from '../template/functions.js';
import { parseTemplate, renderTemplate, type Template } from '../template/template.js';
import { type GoStruct, type GoValue, stringMap } from '../template/values.js';
import { alignColumns } from './table.js';

export interface RowFormat {
  template: string;
  isTable: boolean;
}

export interface RowDefaults {
  /** For no format and for `table`. */
  table: string;
  /** The same with `-q`. */
  quiet: string;
}

/** What a format that the user gave, or did not give, stands for. */
export function rowFormat(format: string | undefined, quiet: boolean, defaults: RowDefaults): RowFormat {
  if (format === undefined || format === '' || format === 'table')
    return quiet ? { template: defaults.quiet, isTable: false } : { template: defaults.table, isTable: true };
  if (format === 'json') return { template: '{{json .}}', isTable: false };
  const isTable = format.startsWith('table');
  const body = (isTable ? format.slice('table'.length) : format).replace(/^ +| +$/g, '');
  return { template: body.replaceAll('\\t', '\t').replaceAll('\\n', '\n'), isTable };
}

/** The text for standard output. Nothing is returned of a listing whose template fails midway. */
export function formatRows(
  { template: source, isTable }: RowFormat,
  headings: ReadonlyMap<string, string>,
  rows: readonly GoStruct[],
): string {
  const template = parseRowTemplate(source);
  const lines = rows.map((row) => `${harmless(renderTemplate(template, row))}\n`).join('');
  if (!isTable) return lines;
  const heading = renderTemplate(template, stringMap(headings), { functions: headingFunctions });
  return alignColumns(`${heading}\n${lines}`);
}

/** Here Docker ends with 1 also for what cannot be parsed. */
function parseRowTemplate(source: string): Template {
  try {
    return parseTemplate(source);
  } catch (cause) {
    if (!(cause instanceof KnownError)) throw cause;
    throw new KnownError('E_TEMPLATE', cause.message, { cause, exitCode: 1 });
  }
}

/** No bound of their own for cells: `--no-trunc` means it. */
const noLimit = 1 << 24;

/** Whatever the template made of untrusted text: no control character but its own tabs and newlines gets out. */
export function harmless(text: string): string {
  return text
    .split('\n')
    .map((line) =>
      line
        .split('\t')
        .map((part) => printable(part, noLimit))
        .join('\t'),
    )
    .join('\n');
}

/** Untrusted text for one cell. JSON has it exactly. */
export function cell(text: string): GoValue {
  const shown = printable(text, noLimit);
  if (shown === text) return text;
  return { kind: 'typed', type: 'string', text: shown, json: safeJson(text), underlying: text };
}

/** JSON has an escape of its own for every character that must not be shown. */
function safeJson(text: string): string {
  return Array.from(goJsonString(text), (character) => {
    if (printable(character) === character) return character;
    return character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('');
  }).join('');
}
