/** What `tscontainer volume` shows of volumes, and which it shows. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { listContainers } from '../containers/list-containers.js';
import { usersOfVolume } from '../containers/volumes/remove-volume.js';
import { listVolumes, type Volume } from '../containers/volumes/volume-files.js';
import { type GoStruct, stringMap } from '../template/values.js';
import { cell, formatRows, rowFormat } from './format-rows.js';

const headings = new Map(
  Object.entries({
    Availability: 'AVAILABILITY',
    Driver: 'DRIVER',
    Group: 'GROUP',
    Labels: 'LABELS',
    Links: 'LINKS',
    Mountpoint: 'MOUNTPOINT',
    Name: 'VOLUME NAME',
    Scope: 'SCOPE',
    Size: 'SIZE',
    Status: 'STATUS',
  }),
);

/** Those that fit all filters; of one name several values are alternatives, but for labels. */
export function filterVolumes(root: string, filters: readonly [string, string][]): Volume[] {
  const tests: Record<string, (volume: Volume, value: string) => boolean> = {
    driver: (_volume, value) => value === 'local',
    name: ({ name }, value) => matches(name, value),
    label: ({ labels = {} }, value) => hasLabel(labels, value),
    'label!': ({ labels = {} }, value) => !hasLabel(labels, value),
    dangling: ({ name }, value) => isTrue(value) === (usersOfVolume(name, containers).length === 0),
  };
  const unknown = filters.find(([name]) => !Object.hasOwn(tests, name));
  if (unknown !== undefined) throw new KnownError('E_USAGE', `Invalid filter '${printable(unknown[0])}'`);
  const containers = filters.some(([name]) => name === 'dangling') ? listContainers(root) : [];
  const names = new Set(filters.map(([name]) => name));
  return listVolumes(root).filter((volume) =>
    [...names].every((name) => {
      const values = filters.filter((filter) => filter[0] === name).map(([, value]) => value);
      const fits = (value: string): boolean => tests[name]?.(volume, value) ?? false;
      return name.startsWith('label') ? values.every(fits) : values.some(fits);
    }),
  );
}

function isTrue(value: string): boolean {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new KnownError('E_USAGE', `invalid filter 'dangling=[${printable(value)}]'`);
}

/** Docker takes the value as an expression, and as a plain word where it is none. */
function matches(name: string, value: string): boolean {
  return name.includes(value) || isMatch(value, name);
}

function isMatch(pattern: string, text: string): boolean {
  // What could take for ever is no pattern for names of volumes.
  if (!/^\^?[\w.-]*\$?$/.test(pattern)) return false;
  return new RegExp(pattern).test(text);
}

function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const [name = '', value] = wanted.split(/=(.*)/s);
  return Object.hasOwn(labels, name) && (value === undefined || labels[name] === value);
}

export function volumeListing(volumes: readonly Volume[], format: string | undefined, quiet: boolean): string {
  const chosen = rowFormat(format, quiet, { table: '{{.Driver}}\t{{.Name}}', quiet: '{{.Name}}' });
  return formatRows(chosen, headings, volumes.map(rowView));
}

function rowView({ name, labels = {}, mountpoint }: Volume): GoStruct {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const values = {
    Availability: 'N/A',
    Driver: 'local',
    Group: 'N/A',
    Labels: pairs.join(','),
    Links: 'N/A',
    Mountpoint: mountpoint,
    Name: name,
    Scope: 'local',
    Size: 'N/A',
    Status: 'N/A',
  };
  const fields = Object.entries(values).map(([field, value]) => ({ name: field, value: cell(value) }));
  return { kind: 'struct', type: '*formatter.volumeContext', escapeHtml: true, fields };
}

/** For `inspect`. */
export function volumeView({ name, labels, options, mountpoint, created }: Volume): GoStruct {
  const map = (entries: Record<string, string> | undefined) =>
    stringMap(entries ? new Map(Object.entries(entries)) : null);
  return {
    kind: 'struct',
    type: 'volume.Volume',
    fields: [
      { name: 'CreatedAt', value: created.toISOString().replace(/\.\d+Z$/, 'Z') },
      { name: 'Driver', value: 'local' },
      { name: 'Labels', value: map(labels) },
      { name: 'Mountpoint', value: mountpoint },
      { name: 'Name', value: name },
      { name: 'Options', value: map(options) },
      { name: 'Scope', value: 'local' },
    ],
  };
}
