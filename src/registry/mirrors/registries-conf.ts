/** `registries.conf` of containers' tools with its drop-ins: which files count, and how later ones change earlier ones. */
import { configError, readConfigFile } from './config-file.js';
import type { RegistriesConfPlaces } from './config-places.js';
import { mattersForMirrors } from './quick-look.js';
import { registriesConfFiles } from './registries-conf-files.js';
import type { RegistriesDocument, RegistryTable } from './registry-tables.js';

export interface RegistriesConf {
  /** At most one for each prefix. */
  readonly tables: readonly RegistryTable[];
  readonly searchRegistries: readonly string[];
  readonly aliases: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

const mattersForShortNames = /^[ \t]*\[?[ \t]*["']?(?:aliases|unqualified-search-registries|short-name-mode)\b|\\u/im;

/** @param subject - what is asked: files that say nothing about it are not parsed. @throws KnownError `E_CONFIG` */
export async function loadRegistriesConf(
  places: RegistriesConfPlaces,
  subject: 'mirrors' | 'short names',
): Promise<RegistriesConf> {
  const tables = new Map<string, RegistryTable>();
  const aliases = new Map<string, string>();
  const notes: string[] = [];
  let searchRegistries: readonly string[] = [];
  for (const file of registriesConfFiles(places)) {
    const document = await readDocument(file, file === places.named, subject);
    for (const table of document?.tables ?? []) tables.set(table.prefix, table);
    for (const [name, value] of document?.aliases ?? []) {
      if (value === '') aliases.delete(name);
      else aliases.set(name, value);
    }
    searchRegistries = document?.searchRegistries ?? searchRegistries;
    notes.push(...(document?.notes ?? []));
  }
  return { tables: [...tables.values()], searchRegistries, aliases, notes };
}

async function readDocument(
  file: string,
  mustExist: boolean,
  subject: 'mirrors' | 'short names',
): Promise<RegistriesDocument | undefined> {
  const text = readConfigFile(file);
  if (text === undefined && mustExist)
    throw configError({ file, line: undefined }, 'CONTAINERS_REGISTRIES_CONF names a file that does not exist');
  if (text === undefined || !(subject === 'mirrors' ? mattersForMirrors : mattersForShortNames).test(text))
    return undefined;
  const [{ parseToml }, { readRegistries }] = await Promise.all([
    import('./toml-document.js'),
    import('./registry-tables.js'),
  ]);
  return readRegistries(parseToml(text, file));
}
