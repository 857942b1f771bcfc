import { resolve } from 'node:path';
import { printable } from '../../store/printable.js';
import type { BindMount, MountRequest } from '../run/run-options.js';
import { invalidArgument, usage } from './run-flag-parser.js';

const propagations = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'] as const;
/** Labels of SELinux and hints for other systems: accepted, without effect. */
const ignoredModes = ['rw', 'z', 'Z', 'consistent', 'cached', 'delegated', 'nocopy'];

/** `-v SOURCE:TARGET[:MODE,…]` */
export function volumeFlag(text: string): BindMount {
  const [source = '', target, modes = '', ...more] = text.split(':');
  if (target === undefined || more.length > 0) {
    if (more.length > 0 || !source.startsWith('/')) throw usage(`invalid volume specification: '${printable(text)}'`);
    throw usage(`anonymous volumes are not supported: -v ${printable(text)} names no directory of the host`);
  }
  if (!/^[/.~]/.test(source)) {
    if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(source))
      throw usage(`named volumes are not supported: "${printable(source)}" is no path; use an absolute one`);
    throw usage(
      `create ${printable(source)}: "${printable(source)}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  if (!target.startsWith('/'))
    throw usage(
      `invalid volume specification: '${printable(text)}': invalid mount config for type "bind": invalid mount path: '${printable(target)}' mount path must be absolute`,
    );
  const mount: BindMount = { type: 'bind', source: resolve(source), target, createSource: true };
  for (const mode of modes.split(',').filter(Boolean)) applyMode(mount, mode, text);
  return mount;
}

function applyMode(mount: BindMount, mode: string, text: string): void {
  const propagation = propagations.find((name) => name === mode);
  if (propagation !== undefined) mount.propagation = propagation;
  else if (mode === 'ro' || mode === 'readonly') mount.readonly = true;
  else if (!ignoredModes.includes(mode))
    throw usage(`invalid volume specification: '${printable(text)}': invalid mode: ${printable(mode)}`);
}

/** `--mount type=bind,source=…,target=…`: fields separated by commas, quoted as in CSV where they hold one. */
export function mountFlag(text: string): MountRequest {
  const fields = new Map<string, string>();
  for (const field of csvFields(text)) {
    const [name = '', ...value] = field.split('=');
    const key = aliases[name.toLowerCase()];
    if (key === undefined)
      throw invalidArgument(text, '--mount', `unexpected key '${printable(name)}' in '${printable(field)}'`);
    if (value.length === 0 && !switches.has(key))
      throw invalidArgument(text, '--mount', `invalid field '${printable(field)}' must be a key=value pair`);
    fields.set(key, value.length === 0 ? 'true' : value.join('='));
  }
  const type = fields.get('type') ?? 'volume';
  const target = fields.get('target');
  if (target === undefined) throw invalidArgument(text, '--mount', 'target is required');
  if (!target.startsWith('/'))
    throw usage(
      `invalid mount config for type "${printable(type)}": invalid mount path: '${printable(target)}' mount path must be absolute`,
    );
  if (type === 'tmpfs') return { type, target, options: tmpfsOptions(fields) };
  if (type !== 'bind') throw usage(`mounts of type "${printable(type)}" are not supported: only bind and tmpfs`);
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
  'tmpfs-size': 'tmpfs-size',
  'tmpfs-mode': 'tmpfs-mode',
};
const switches = new Set(['readonly', 'bind-nonrecursive']);

const isTrue = (text: string | undefined): boolean => text === 'true' || text === '1';

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
