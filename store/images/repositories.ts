/**
 * `image/overlay2/repositories.json`: which names stand for which images.
 *
 *     {"Repositories":{"<name>":{"<name>:<tag>":"sha256:<image>","<name>@sha256:<manifest>":"sha256:<image>"}}}
 *
 * `<name>` is the form that people write (`ubuntu`, `host:5000/x`). A tag moves; a digest key never does. dockerd does
 * not start on an empty or unparsable file but makes a new one when it is missing, so it is only ever replaced by rename.
 */
import type { Digest, ImageId } from '../oci/digest.js';
import { compareBytes, goJsonString } from '../oci/go-json.js';

/** Full key (`ubuntu:16.04`, `ubuntu@sha256:…`) to image id, grouped by name. Ids are as found and may dangle. */
export type Repositories = ReadonlyMap<string, ReadonlyMap<string, ImageId>>;

/** @throws SyntaxError or TypeError for anything that dockerd would not start with. */
export function parseRepositories(text: string): Repositories {
  const document: unknown = JSON.parse(text);
  const table = document === null ? null : (expectObject(document)['Repositories'] ?? null);
  const repositories = new Map<string, ReadonlyMap<string, ImageId>>();
  for (const [name, entries] of Object.entries(table === null ? {} : expectObject(table))) {
    const keys = Object.entries(entries === null ? {} : expectObject(entries));
    repositories.set(name, new Map(keys.map(([key, id]) => [key, expectString(id) as ImageId])));
  }
  return repositories;
}

function expectObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new TypeError('an object is expected');
}

function expectString(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError('a string is expected');
}

/** The bytes that dockerd would write: keys in byte order, no spaces. */
export function serializeRepositories(repositories: Repositories): string {
  const names = sortedEntries(repositories).map(([name, keys]) => {
    const pairs = sortedEntries(keys).map(([key, id]) => `${goJsonString(key)}:${goJsonString(id)}`);
    return `${goJsonString(name)}:{${pairs.join(',')}}`;
  });
  return `{"Repositories":{${names.join(',')}}}`;
}

function sortedEntries<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => compareBytes(a, b));
}

/** Points `name:tag` at an image, away from any other. */
export function setTag(from: Repositories, name: string, tag: string, id: ImageId): Repositories {
  return withKey(from, name, `${name}:${tag}`, id);
}

/** Remembers the digest under which an image was pulled. An existing entry stays as it is. */
export function addDigest(from: Repositories, name: string, digest: Digest, id: ImageId): Repositories {
  const key = `${name}@${digest}`;
  return from.get(name)?.has(key) ? from : withKey(from, name, key, id);
}

function withKey(from: Repositories, name: string, key: string, id: ImageId): Repositories {
  if (from.get(name)?.get(key) === id) return from;
  return new Map(from).set(name, new Map(from.get(name)).set(key, id));
}

/** Forgets one key of a name; a name without keys goes as well. */
export function removeReference(from: Repositories, name: string, key: string): Repositories {
  const keys = new Map(from.get(name));
  if (!keys.delete(key)) return from;
  const repositories = new Map(from);
  if (keys.size === 0) repositories.delete(name);
  else repositories.set(name, keys);
  return repositories;
}

/** What `name` (and `key` within it) stands for. */
export function lookUp(repositories: Repositories, name: string, key: string): ImageId | undefined {
  return repositories.get(name)?.get(key);
}

/** A name of an image, split. Exactly one of `tag` and `digest` is there. */
export interface ImageName {
  name: string;
  key: string;
  tag: string | undefined;
  digest: string | undefined;
}

/** Every name of every image, in Docker's order: by full name, host included. Malformed keys are left out. */
export function namesByImage(repositories: Repositories): Map<ImageId, ImageName[]> {
  const names = new Map<ImageId, ImageName[]>();
  const sorted = [...repositories].flatMap(([name, keys]) => [...keys].map(([key, id]) => ({ name, key, id })));
  sorted.sort((a, b) => compareBytes(fullName(a.key), fullName(b.key)));
  for (const { name, key, id } of sorted) {
    const rest = key.startsWith(name) ? key.slice(name.length) : '';
    const tag = rest.startsWith(':') ? rest.slice(1) : undefined;
    const digest = rest.startsWith('@') ? rest.slice(1) : undefined;
    if (tag === undefined && digest === undefined) continue;
    const own = names.get(id);
    if (own === undefined) names.set(id, [{ name, key, tag, digest }]);
    else own.push({ name, key, tag, digest });
  }
  return names;
}

/** `ubuntu:1` sorts as `docker.io/library/ubuntu:1` does. */
function fullName(key: string): string {
  const slash = key.indexOf('/');
  if (slash === -1) return `docker.io/library/${key}`;
  const first = key.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  return isHost ? key : `docker.io/${key}`;
}
