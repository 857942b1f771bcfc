/** The images of an OCI layout: all of them, or the one that was asked for. */
import { basename, resolve } from 'node:path';
import { documentsOf, type ImageFiles } from '../../../store/archive/image-files.js';
import { type Layout, openLayout } from '../../../store/archive/oci-layout.js';
import { type Descriptor, verifyBytes } from '../../../store/oci/descriptor.js';
import { parseDigest } from '../../../store/oci/digest.js';
import { type Platform, selectFromIndex } from '../../../store/oci/platform.js';
import { canonicalString, type Reference } from '../../reference.js';
import { fileOrigin } from '../layer-origin.js';
import { type DocumentSource, resolveImage } from '../resolve-image.js';
import { type FoundImage, isSameName, mergeById, noSuchImage, readName } from './found-image.js';
import type { ImageWish } from './source-name.js';

/** image-spec annotations.md: a tag, or a whole name. */
const refName = 'org.opencontainers.image.ref.name';
/** What containerd and Docker write besides: always a whole name. */
const imageName = 'io.containerd.image.name';

/** @throws KnownError of the store's reader, E_NOT_FOUND, E_PLATFORM */
export async function findInLayout(
  files: ImageFiles,
  wish: ImageWish | undefined,
  wanted: Platform | undefined,
): Promise<FoundImage[]> {
  const layout = openLayout(files, documentsOf(files));
  const groups = groupsOf(choose(files, layout.entries, wish));
  const found: FoundImage[] = [];
  for (const { names, entries } of groups) {
    const [first] = entries;
    if (first === undefined) continue;
    const entry = entries.length === 1 ? first : selectFromIndex({ ...asIndex, manifests: entries }, wanted);
    const resolved = await resolveImage(
      documentSource(layout, entry),
      { tag: undefined, digest: entry.digest },
      wanted,
    );
    const origin = fileOrigin((digest) => ({ range: layout.blob(digest), digest }));
    found.push({ names, resolved, origin });
  }
  return mergeById(found);
}

const asIndex = { kind: 'index', mediaType: '' } as const;

interface Named {
  entry: Descriptor;
  name: Reference | undefined;
}

function choose(files: ImageFiles, entries: readonly Descriptor[], wish: ImageWish | undefined): Named[] {
  const all = entries.map((entry): Named => ({ entry, name: nameOf(files, entry) }));
  if (wish === undefined) {
    if (all.length === 0) throw noSuchImage(files.name, 'at all', []);
    return all;
  }
  if ('place' in wish) {
    const one = all[wish.place];
    if (one === undefined) throw noSuchImage(files.name, `@${wish.place}`, [`${all.length} images`]);
    return [one];
  }
  const asked = readName(wish.name);
  const named = all.filter(
    ({ entry: { annotations }, name }) =>
      annotations[refName] === wish.name || annotations[imageName] === wish.name || isSameName(name, asked),
  );
  if (named.length > 0) return named;
  const [first] = all;
  // A single image without a name gets the one that was asked for.
  if (first !== undefined && all.length === 1 && first.entry.annotations[refName] === undefined)
    return [{ ...first, name: nameFrom(files, wish.name) }];
  throw noSuchImage(
    files.name,
    wish.name,
    entries.flatMap(({ annotations }) => annotations[refName] ?? annotations[imageName] ?? []),
  );
}

function nameOf(files: ImageFiles, { annotations }: Descriptor): Reference | undefined {
  const whole = annotations[imageName];
  const name = whole === undefined ? undefined : readName(whole);
  return name ?? nameFrom(files, annotations[refName]);
}

/** A tag alone goes with the name of the layout, as umoci has it: `oci:ubuntu:16.04` is `ubuntu:16.04`. */
function nameFrom(files: ImageFiles, text: string | undefined): Reference | undefined {
  if (text === undefined) return undefined;
  if (/[:/@]/.test(text)) return readName(text);
  const layout = basename(resolve(files.name)).replace(/\.(?:tar(?:\.\w+)?|t[gz]z|oci)$/, '');
  return readName(`${layout}:${text}`);
}

/** Entries of one name, and those without, that differ in platform are one image. */
function groupsOf(all: readonly Named[]): { names: Reference[]; entries: Descriptor[] }[] {
  const groups = new Map<unknown, { names: Reference[]; entries: Descriptor[] }>();
  for (const { entry, name } of all) {
    const key = name === undefined ? (entry.platform === undefined ? entry : 'platforms') : canonicalString(name);
    const group = groups.get(key) ?? { names: name === undefined ? [] : [name], entries: [] };
    if (!group.entries.some(({ digest }) => digest === entry.digest)) group.entries.push(entry);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function documentSource(layout: Layout, entry: Descriptor): DocumentSource {
  return {
    async getManifest(text) {
      const digest = parseDigest(text);
      const bytes = layout.manifest(digest);
      if (digest !== entry.digest) return { bytes, digest, mediaType: undefined };
      verifyBytes(bytes, entry, 'manifest');
      return { bytes, digest, mediaType: entry.mediaType };
    },
    getConfig: async (descriptor) => layout.config(descriptor),
  };
}
