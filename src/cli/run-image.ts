/** Finds the image of `tsrun`, and pulls it when it is missing or when asked to. */
import { writeSync } from 'node:fs';
import { KnownError } from '../../store/errors.js';
import { openImageDb } from '../../store/images/image-db.js';
import type { ImageId } from '../../store/oci/digest.js';
import { type Platform, parsePlatform } from '../../store/oci/platform.js';
import { printable } from '../../store/printable.js';
import { findLocalImage } from '../pull/local-image.js';
import { parseReference, withDefaultTag } from '../reference.js';
import { readRunImage } from '../run/run-image.js';
import type { RunImage } from '../run/run-options.js';
import { usage } from './run-flag-parser.js';

export interface ImageWish {
  root: string;
  /** A reference, an id, or the beginning of one. */
  name: string;
  pull: 'always' | 'missing' | 'never';
  platform: string | undefined;
  quiet: boolean;
}

export function pullPolicy(text: string | undefined): ImageWish['pull'] {
  if (text === undefined || text === '') return 'missing';
  if (text === 'always' || text === 'missing' || text === 'never') return text;
  throw usage(`invalid pull option: '${printable(text)}': must be one of "always", "missing" or "never"`);
}

export async function imageToRun(wish: ImageWish): Promise<RunImage> {
  const { root, name, pull: policy } = wish;
  const wanted = wish.platform === undefined ? undefined : parsePlatform(wish.platform);
  const local = policy === 'always' ? undefined : findImage(root, name, wanted);
  const image = local === undefined ? undefined : readRunImage(root, local, name);
  if (image !== undefined) return image;
  if (policy === 'never') throw absent(wish);
  const pulled = readRunImage(root, await fetchImage(wish), name);
  if (pulled === undefined) throw new KnownError('E_STORE', `the image ${printable(name)} vanished after its pull`);
  return pulled;
}

/** A name wins over an id that looks like it. */
function findImage(root: string, name: string, wanted: Platform | undefined): ImageId | undefined {
  const isId = /^(sha256:)?[0-9a-f]{1,64}$/.test(name);
  if (!/^(sha256:)?[0-9a-f]{64}$/.test(name)) {
    const named = findLocalImage(root, withDefaultTag(parseReference(name)), wanted, { isSound: false })?.image;
    if (named !== undefined) return named;
  }
  const found = isId ? openImageDb(root).search(name) : undefined;
  if (found === 'ambiguous')
    throw new KnownError('E_CONFLICT', `Multiple IDs found with provided prefix: ${printable(name)}`, {
      exitCode: 125,
    });
  return found;
}

/** Says so when the image is here for another platform. */
function absent({ root, name, platform }: ImageWish): KnownError {
  const other = platform === undefined ? undefined : findImage(root, name, undefined);
  const document = other === undefined ? undefined : openImageDb(root).get(other)?.document;
  const message =
    document === undefined
      ? `No such image: ${printable(name)}`
      : `image with reference ${printable(name)} was found but does not match the specified platform: wanted ${printable(platform ?? '')}, actual: ${printable(`${document['os']}/${document['architecture']}`)}`;
  return new KnownError('E_NO_IMAGE', message, { exitCode: 125 });
}

async function fetchImage({ root, name, pull: policy, platform, quiet }: ImageWish): Promise<ImageId> {
  const reference = withDefaultTag(parseReference(name));
  // Everything about the pull goes to stderr: stdout is the container's.
  const say = (line: string): void => {
    if (!quiet) writeSync(2, `${line}\n`);
  };
  if (policy === 'missing') {
    const { familiarString } = await import('../reference.js');
    say(`Unable to find image '${printable(familiarString(reference))}' locally`);
  }
  const { pull } = await import('../pull/pull.js');
  const { id } = await pull(name, {
    root,
    ...(platform !== undefined && { platform }),
    onEvent(event) {
      if (event.type === 'layer' && event.status !== 'queued')
        say(`${event.digest.slice(7, 19)}: ${layerWords[event.status]}`);
      if (event.type === 'done')
        say(
          `Digest: ${event.digest}\nStatus: ${event.upToDate ? 'Image is up to date' : 'Downloaded newer image'} for ${printable(event.reference)}`,
        );
    },
  });
  return id;
}

const layerWords = {
  exists: 'Already exists',
  elsewhere: 'Waiting',
  downloading: 'Pulling fs layer',
  verified: 'Download complete',
  complete: 'Pull complete',
};
