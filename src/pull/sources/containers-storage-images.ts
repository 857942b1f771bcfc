/** `containers-storage:[DRIVER@GRAPHROOT+RUNROOT]NAME`: an image of podman, buildah, skopeo or CRI-O on this machine. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  type ContainersImage,
  type ContainersStorage,
  openContainersStorage,
} from '../../../store/archive/containers-storage.js';
import { KnownError } from '../../../store/errors.js';
import { openConfinedDirectory } from '../../../store/fs/confined-directory.js';
import { digestOf } from '../../../store/oci/digest.js';
import { printable } from '../../../store/printable.js';
import { canonicalString, familiarName, parseReference, type Reference, withDefaultTag } from '../../reference.js';
import { type FoundImage, isSameName, noSuchImage, readName } from './found-image.js';
import type { ContainersStorageSource } from './source-name.js';
import { imagesOf, type TreeImages, treeImageDescriber } from './tree-images.js';

/** @param root that it is pulled into. @throws KnownError E_NOT_FOUND, E_STORE, E_DOCUMENT, E_VERIFY, E_UNSUPPORTED */
export function findInContainersStorage(source: ContainersStorageSource, root: string): TreeImages {
  if (source.driver !== undefined && source.driver !== 'overlay')
    throw new KnownError(
      'E_UNSUPPORTED',
      `the containers-storage uses "${printable(source.driver, 50)}", not overlay`,
      {
        hint: 'use podman save NAME | tspull docker-archive:-',
      },
    );
  const dir = openConfinedDirectory(source.graphRoot ?? defaultGraphRoot(process.env));
  try {
    const storage = openContainersStorage(dir);
    const image = choose(storage, dir.name, source.name);
    return imagesOf(dir, [open(storage, image, source.name, root)]);
  } catch (error) {
    dir[Symbol.dispose]();
    throw error;
  }
}

/** Where podman keeps it when nobody has configured another place: containers-storage.conf(5). */
function defaultGraphRoot(env: NodeJS.ProcessEnv): string {
  if (process.geteuid?.() === 0) return '/var/lib/containers/storage';
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'containers/storage');
}

const isId = (text: string): boolean => /^(?:sha256:|@)?[0-9a-f]{6,64}$/.test(text);

/** A name wins over an id that looks like it; podman calls images without a registry `localhost/NAME`. */
function choose({ images }: ContainersStorage, store: string, wished: string): ContainersImage {
  const names = wishedNames(wished);
  for (const name of names) {
    const found = images.find((image) => image.names.some((one) => isSameName(readName(one), name)));
    if (found !== undefined) return found;
  }
  const digits = wished.replace(/^(?:sha256:|@)/, '');
  const byId = isId(wished) ? images.filter(({ id }) => id.startsWith(digits)) : [];
  const [one, ...others] = byId;
  if (one !== undefined && others.length === 0) return one;
  if (one !== undefined)
    throw new KnownError(
      'E_CONFLICT',
      `several images of "${printable(store, 300)}" have ids that start with ${digits}`,
    );
  throw noSuchImage(
    store,
    wished,
    images.flatMap((image) => image.names),
  );
}

function wishedNames(wished: string): Reference[] {
  if (wished.startsWith('@') || /^(?:sha256:)?[0-9a-f]{64}$/.test(wished)) return [];
  const name = withDefaultTag(parseReference(wished));
  const local = readName(`localhost/${wished.includes(':') ? wished : `${wished}:latest`}`);
  return local === undefined || wished.includes('/') ? [name] : [name, local];
}

function open(storage: ContainersStorage, image: ContainersImage, wished: string, root: string): FoundImage {
  const opened = storage.open(image);
  const all = image.names.flatMap((text) => readName(text) ?? []);
  const asked = new Set(wishedNames(wished).map(canonicalString));
  const names = all.filter((name) => asked.has(canonicalString(name)));
  const { resolved, origin } = treeImageDescriber(root)(opened);
  if (opened.manifest === undefined) return { names, resolved, origin };
  const document = { digest: digestOf(opened.manifest), bytes: opened.manifest };
  const digests = names.map((name) => ({ name: familiarName(name), digest: document.digest }));
  return { names, digests, resolved: { ...resolved, documents: [document] }, origin };
}
