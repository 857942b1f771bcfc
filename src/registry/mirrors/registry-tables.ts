/** The tables of one `registries.conf` (containers-registries.conf(5), version 2, and what version 1 said instead). */
import type { Provenance } from '../endpoint-plan.js';
import { configError, placeText } from './config-file.js';
import type { Fields } from './fields.js';

export interface RegistryTable {
  /** Without trailing slashes; `*.example.com` or the beginning of a name. */
  readonly prefix: string;
  /** What takes the place of the prefix; undefined when nothing does. */
  readonly location: string | undefined;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorTable[];
  readonly at: Provenance;
}

export interface MirrorTable {
  readonly location: string;
  readonly insecure: boolean;
  readonly use: MirrorUse;
  readonly at: Provenance;
}

/** For which references a mirror is asked. */
export type MirrorUse = (typeof mirrorUses)[number];
const mirrorUses = ['all', 'digest-only', 'tag-only'] as const;

const registryKeys = ['prefix', 'location', 'insecure', 'blocked', 'mirror', 'mirror-by-digest-only'];
const mirrorKeys = ['location', 'insecure', 'pull-from-mirror'];

export interface RegistriesDocument {
  readonly tables: readonly RegistryTable[];
  readonly searchRegistries: readonly string[] | undefined;
  /** Short name to full name; empty to take one away. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

/** @throws KnownError `E_CONFIG` */
export function readRegistries(document: Fields): RegistriesDocument {
  const notes: string[] = [];
  const tables = document.tables('registry').map((fields) => {
    notes.push(...noteUnknown(fields, registryKeys));
    return readTable(fields, notes);
  });
  const older = versionOne(document);
  if (tables.length > 0 && older.length > 0)
    throw configError(document.at, 'tables [[registry]] of version 2 and [registries.…] of version 1 cannot be mixed');
  const aliases = document.table('aliases');
  return {
    tables: [...tables, ...older],
    searchRegistries: document.texts('unqualified-search-registries'),
    aliases: new Map(aliases?.names.map((name) => [name, aliases.text(name) ?? ''])),
    notes,
  };
}

function readTable(fields: Fields, notes: string[]): RegistryTable {
  const location = readLocation(fields, 'location');
  const prefix = readLocation(fields, 'prefix') ?? location;
  if (prefix === undefined) throw configError(fields.at, 'a [[registry]] needs a prefix or a location');
  if (prefix.includes('*') && !/^\*\.[^*/:]+$/.test(prefix))
    throw configError(
      fields.placeOf('prefix'),
      'a wildcard stands at the beginning of a host only, as in "*.example.com"',
    );
  const digestOnly = fields.flag('mirror-by-digest-only') ?? false;
  const mirrors = fields.tables('mirror').map((mirror) => {
    notes.push(...noteUnknown(mirror, mirrorKeys));
    return readMirror(mirror, digestOnly);
  });
  return {
    prefix,
    // A wildcard without a location changes nothing about the name; otherwise the location is the prefix.
    location: location ?? (prefix.startsWith('*.') ? undefined : prefix),
    insecure: fields.flag('insecure') ?? false,
    blocked: fields.flag('blocked') ?? false,
    mirrors,
    at: fields.at,
  };
}

function readMirror(fields: Fields, digestOnly: boolean): MirrorTable {
  const location = readLocation(fields, 'location');
  if (location === undefined) throw configError(fields.at, 'a mirror needs a location');
  const text = fields.text('pull-from-mirror') || undefined;
  const use = mirrorUses.find((item) => item === (text ?? 'all'));
  if (use === undefined)
    throw configError(fields.placeOf('pull-from-mirror'), '"pull-from-mirror" is "all", "digest-only" or "tag-only"');
  if (text !== undefined && digestOnly)
    throw configError(fields.placeOf('pull-from-mirror'), '"pull-from-mirror" contradicts "mirror-by-digest-only"');
  return { location, insecure: fields.flag('insecure') ?? false, use: digestOnly ? 'digest-only' : use, at: fields.at };
}

function readLocation(fields: Fields, key: string): string | undefined {
  const text = fields.text(key)?.replace(/\/+$/, '');
  if (text === undefined || text === '') return undefined;
  if (/^https?:\/\//i.test(text))
    throw configError(fields.placeOf(key), `"${key}" is a name, without http:// or https://`);
  return text;
}

/** Version 1 knew lists: of what is blocked, and of what is insecure. Its search list concerns short names only. */
function versionOne(document: Fields): RegistryTable[] {
  const top = document.table('registries');
  const list = (name: string) => top?.table(name)?.texts('registries') ?? [];
  const [blocked, insecure] = [list('block'), list('insecure')].map((names) =>
    names.map((name) => name.replace(/\/+$/, '')),
  );
  const at = top?.table('block')?.at ?? top?.table('insecure')?.at ?? document.at;
  return [...new Set([...(blocked ?? []), ...(insecure ?? [])])].map((prefix) => ({
    prefix,
    location: prefix,
    insecure: insecure?.includes(prefix) ?? false,
    blocked: blocked?.includes(prefix) ?? false,
    mirrors: [],
    at,
  }));
}

function noteUnknown(fields: Fields, known: readonly string[]): string[] {
  return fields
    .unknownNames(known)
    .map((key) => `${placeText(fields.placeOf(key))}: "${key}" is not known and has no effect`);
}
