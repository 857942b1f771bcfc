/** `tscontainer events` */
import type { Command } from 'commander';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { defaultRoot, openForReading } from '../../store/store.js';
import type { ContainerEvent } from '../containers/events/journal.js';
import { parseUntil } from '../images/until.js';
import { readEvents } from '../life/read-events.js';
import { parseTemplate, renderTemplate } from '../template/template.js';
import { type GoStruct, stringMap } from '../template/values.js';
import { filterOption } from './filter-option.js';
import { harmless } from './format-rows.js';
import type { CliContext } from './main.js';
import { checkArity } from './usage.js';

interface Flags {
  root?: string;
  filter?: [string, string][];
  format?: string;
  since?: string;
  until?: string;
}

export function addEvents(program: Command, context: CliContext): void {
  program
    .command('events')
    .usage('[OPTIONS]')
    .description('Get events of containers as they happen')
    .argument('[names...]')
    .addOption(filterOption())
    .option('--format <string>', "'json', or a Go template")
    .option('--since <string>', 'show all events created since timestamp')
    .option('--until <string>', 'stream events until this timestamp')
    .action(async (names: string[], _own, command: Command) => {
      checkArity(command, names, { least: 0, most: 0 });
      await print(command.optsWithGlobals<Flags>(), context);
    });
}

async function print({ root: given, filter = [], format, since, until }: Flags, context: CliContext): Promise<void> {
  const { root } = openForReading(given ?? defaultRoot());
  const isWanted = filterOf(filter);
  const source = format === 'json' ? '{{json .}}' : format;
  const template = source === undefined || source === '' ? undefined : parseTemplate(source);
  const events = readEvents(root, {
    signal: context.signal,
    ...(since !== undefined && { since: parseUntil(since, Date.now()) }),
    ...(until !== undefined && { until: parseUntil(until, Date.now()) }),
  });
  for await (const event of events) {
    if (!isWanted(event)) continue;
    context.out(`${harmless(template === undefined ? textOf(event) : renderTemplate(template, viewOf(event)))}\n`);
  }
}

const tests: Record<string, (event: ContainerEvent, value: string) => boolean> = {
  container: ({ id, attributes }, value) =>
    value !== '' && (id.startsWith(value) || attributes['name'] === value.replace(/^\//, '')),
  event: ({ action }, value) => action === value || action.startsWith(`${value}:`),
  image: ({ attributes: { image = '' } }, value) => image === value || image.replace(/:[^:/]*$/, '') === value,
  label: ({ attributes }, value) => {
    const [name = '', wanted] = value.split(/=(.*)/s);
    return Object.hasOwn(attributes, name) && (wanted === undefined || attributes[name] === wanted);
  },
  type: ({ type }, value) => type === value,
};

/** Values of one name are alternatives, but for labels; names of other kinds of events fit none of these. */
function filterOf(filters: readonly [string, string][]): (event: ContainerEvent) => boolean {
  const others = ['daemon', 'network', 'node', 'plugin', 'scope', 'secret', 'service', 'volume', 'config'];
  const unknown = filters.find(([name]) => !Object.hasOwn(tests, name) && !others.includes(name));
  if (unknown !== undefined) throw new KnownError('E_USAGE', `Invalid filter '${printable(unknown[0])}'`);
  const names = [...new Set(filters.map(([name]) => name))];
  return (event) =>
    names.every((name) => {
      const values = filters.filter((filter) => filter[0] === name).map(([, value]) => value);
      const fits = (value: string): boolean => tests[name]?.(event, value) ?? false;
      return name === 'label' ? values.every(fits) : values.some(fits);
    });
}

function textOf({ timeNano, type, action, id, attributes }: ContainerEvent): string {
  const pairs = Object.keys(attributes)
    .sort()
    .map((name) => `${name}=${attributes[name]}`);
  return `${timeText(timeNano)} ${type} ${action} ${id} (${pairs.join(', ')})`.replaceAll('\n', '\ufffd');
}

/** RFC 3339 in local time, with nine digits. */
function timeText(nanoseconds: bigint): string {
  const time = new Date(Number(nanoseconds / 1_000_000n));
  const offset = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const digits = String(nanoseconds % 1_000_000_000n).padStart(9, '0');
  const two = (value: number): string => String(value).padStart(2, '0');
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${local}.${digits}${offset === 0 ? 'Z' : zone}`;
}

function viewOf({ timeNano, type, action, id, attributes }: ContainerEvent): GoStruct {
  const actor: GoStruct = {
    kind: 'struct',
    type: 'events.Actor',
    fields: [
      { name: 'ID', value: id },
      { name: 'Attributes', value: stringMap(new Map(Object.entries(attributes))) },
    ],
  };
  return {
    kind: 'struct',
    type: 'events.Message',
    escapeHtml: true,
    fields: [
      { name: 'Status', json: 'status', value: action },
      { name: 'ID', json: 'id', value: id },
      { name: 'From', json: 'from', value: attributes['image'] ?? '' },
      { name: 'Type', value: type },
      { name: 'Action', value: action },
      { name: 'Actor', value: actor },
      { name: 'Scope', json: 'scope', value: 'local' },
      { name: 'Time', json: 'time', value: timeNano / 1_000_000_000n },
      { name: 'TimeNano', json: 'timeNano', value: timeNano },
    ],
  };
}
