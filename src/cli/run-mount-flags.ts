import { posix, resolve } from 'node:path';
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { checkVolumeName } from '../containers/volumes/volume-files.js';
import type { BindMount, MountRequest, VolumeMount } from '../run/run-options.js';
import { invalidArgument, usage } from './run-flag-parser.js';

const propagations = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'] as const;
/** Labels of SELinux and hints for other systems: accepted, without effect. */
const ignoredModes = ['rw', 'z', 'Z', 'consistent', 'cached', 'delegated'];

/** `-v [SOURCE:]TARGET[:MODE,…]`: a source that is a path is of the host, another one the name of a volume. */
export function volumeFlag(text: string): BindMount | VolumeMount {
  const [first = '', second, modes = '', ...more] = text.split(':');
  if (more.length > 0 || first === '') throw usage(`invalid volume specification: '${printable(text)}'`);
  const target = second ?? first;
  const isBind = second !== undefined && /^[/.~]/.test(first);
  if (!target.startsWith('/'))
    throw usage(
      `invalid volume specification: '${printable(text)}': invalid mount config for type "${isBind ? 'bind' : 'volume'}": invalid mount path: '${printable(target)}' mount path must be absolute`,
    );
  if (posix.normalize(target) === '/')
    throw usage(
      `invalid volume specification: '${printable(text)}': invalid mount config for type "${isBind ? 'bind' : 'volume'}": invalid specification: destination can't be '/'`,
    );
  const mount: BindMount | VolumeMount = isBind
    ? { type: 'bind', source: resolve(first), target, createSource: true }
    : { type: 'volume', target, ...(second !== undefined && { name: volumeName(first) }) };
  for (const mode of modes.split(',').filter(Boolean)) applyMode(mount, mode);
  return mount;
}

function volumeName(name: string): string {
  try {
    return checkVolumeName(name);
  } catch (error) {
    if (error instanceof KnownError) throw usage(error.message);
    throw error;
  }
}

function applyMode(mount: BindMount | VolumeMount, mode: string): void {
  const propagation = propagations.find((name) => name === mode);
  if (mode === 'ro' || mode === 'readonly') mount.readonly = true;
  else if (mode === 'nocopy' && mount.type === 'volume') mount.noCopy = true;
  else if (propagation !== undefined && mount.type === 'bind') mount.propagation = propagation;
  else if (!ignoredModes.includes(mode)) throw usage(`invalid mode: ${printable(mode)}`);
}

/** `--mount type=volume,source=…,target=…`: fields separated by commas, quoted as in CSV where they hold one. */
export function mountFlag(text: string): MountRequest {
  const fields = new Map<string, string>();
  const labels: Record<string, string> = {};
  for (const field of csvFields(text)) {
    const [name = '', ...value] = field.split('=');
    const key = aliases[name.toLowerCase()];
    if (key === undefined)
      throw invalidArgument(text, '--mount', `unexpected key '${printable(name)}' in '${printable(field)}'`);
    if (value.length === 0 && !switches.has(key))
      throw invalidArgument(text, '--mount', `invalid field '${printable(field)}' must be a key=value pair`);
    const all = value.length === 0 ? 'true' : value.join('=');
    if (key === 'volume-label') Object.assign(labels, labelOf(all));
    fields.set(key, all);
  }
  const type = fields.get('type') ?? 'volume';
  const target = fields.get('target');
  if (target === undefined) throw invalidArgument(text, '--mount', 'target is required');
  if (!target.startsWith('/'))
    throw usage(
      `invalid mount config for type "${printable(type)}": invalid mount path: '${printable(target)}' mount path must be absolute`,
    );
  const foreign = [...fields.keys()].find((key) => /^(volume|bind|tmpfs)-/.test(key) && !key.startsWith(`${type}-`));
  if (foreign !== undefined)
    throw invalidArgument(
      text,
      '--mount',
      `cannot mix '${foreign.split('-')[0]}-*' options with mount type '${printable(type)}'`,
    );
  if (type === 'tmpfs') return { type, target, options: tmpfsOptions(fields) };
  if (type === 'volume') return volumeFromFields(fields, labels, target);
  if (type !== 'bind')
    throw usage(`mounts of type "${printable(type)}" are not supported: only volume, bind and tmpfs`);
  return bindFromFields(fields, target);
}

const aliases: Record<string, string> = {
  type: 'type',
  source: 'source',
  src: 'source',
  target: 'target',
  dst: 'target',
  destination: 'target',
  readonly: 'readonly',
  ro: 'readonly',
  'bind-propagation': 'bind-propagation',
  'bind-nonrecursive': 'bind-nonrecursive',
  consistency: 'consistency',
  'volume-nocopy': 'volume-nocopy',
  'volume-label': 'volume-label',
  'volume-driver': 'volume-driver',
  'tmpfs-size': 'tmpfs-size',
  'tmpfs-mode': 'tmpfs-mode',
};
const switches = new Set(['readonly', 'bind-nonrecursive', 'volume-nocopy']);

const isTrue = (text: string | undefined): boolean => text === 'true' || text === '1';

function labelOf(text: string): Record<string, string> {
  const [name = '', value = ''] = text.split(/=(.*)/s);
  return { [name]: value };
}

function volumeFromFields(fields: Map<string, string>, labels: Record<string, string>, target: string): VolumeMount {
  const name = fields.get('source') || undefined;
  const readonly = isTrue(fields.get('readonly'));
  if (name === undefined && readonly)
    throw usage('invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes');
  const driver = fields.get('volume-driver') ?? 'local';
  if (driver !== 'local')
    throw usage(`error looking up volume plugin ${printable(driver)}: plugin "${printable(driver)}" not found`);
  return {
    type: 'volume',
    target,
    readonly,
    noCopy: isTrue(fields.get('volume-nocopy')),
    labels,
    ...(name !== undefined && { name: volumeName(name) }),
  };
}

function bindFromFields(fields: Map<string, string>, target: string): BindMount {
  const source = fields.get('source');
  if (source === undefined || source === '')
    throw usage('invalid mount config for type "bind": field Source must not be empty');
  if (!source.startsWith('/') && !source.startsWith('.'))
    throw usage(
      `invalid mount config for type "bind": invalid mount path: '${printable(source)}' mount path must be absolute`,
    );
  const wanted = fields.get('bind-propagation');
  const propagation = propagations.find((name) => name === wanted);
  if (wanted !== undefined && propagation === undefined)
    throw usage(`invalid mount config for type "bind": invalid propagation mode: ${printable(wanted)}`);
  return {
    type: 'bind',
    source: resolve(source),
    target,
    readonly: isTrue(fields.get('readonly')),
    nonRecursive: isTrue(fields.get('bind-nonrecursive')),
    ...(propagation && { propagation }),
  };
}

function tmpfsOptions(fields: Map<string, string>): string {
  const size = fields.get('tmpfs-size');
  const mode = fields.get('tmpfs-mode');
  const options = [size && `size=${size}`, mode && `mode=${mode}`, isTrue(fields.get('readonly')) && 'ro'];
  return options.filter(Boolean).join(',');
}

function csvFields(text: string): string[] {
  const fields = text.match(/("([^"]|"")*"|[^,]*)(,|$)/g) ?? [];
  return fields
    .map((field) =>
      field
        .replace(/,$/, '')
        .replace(/^"(.*)"$/s, '$1')
        .replaceAll('""', '"'),
    )
    .filter((field) => field !== '');
}

/** `--tmpfs TARGET[:OPTIONS]` */
export function tmpfsFlag(text: string): MountRequest {
  const end = text.indexOf(':');
  const target = end < 0 ? text : text.slice(0, end);
  if (!target.startsWith('/')) throw usage(`invalid mount path: '${printable(target)}' mount path must be absolute`);
  return { type: 'tmpfs', target, options: end < 0 ? '' : text.slice(end + 1) };
}
