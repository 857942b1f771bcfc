/**
 * `tspull NAME` where the image is here and still is what the registry has: the commonest pull of all, in a bundle of its own that has
 * nothing else in it. It looks at no more than the plainest case; everything else is for the full program, which begins anew.
 */
import { errnoCode, KnownError } from '../../store/errors.js';
import { recordUse } from '../../store/images/last-use.js';
import type { Digest } from '../../store/oci/digest.js';
import { defaultRoot } from '../../store/store.js';
import { isComplete, type NamedImage, namedImage } from '../pull/local-image.js';
import { eventsVersion } from '../pull/pull-event.js';
import { parseSource } from '../pull/sources/source-name.js';
import { canonicalString, familiarString, parseReference, type Reference, withDefaultTag } from '../reference.js';
import { claimedDigest } from '../registry/claimed-digest.js';
import { configPlaces } from '../registry/mirrors/config-places.js';
import { saysNothing } from '../registry/mirrors/quick-look.js';
import { lineReporter } from './pull-lines.js';
import { writeAtOnce } from './write-at-once.js';

interface Wish {
  name: string;
  root: string;
  quiet: boolean;
}

/** Prints what the full program would print; false, with nothing printed, when that has to be asked. */
export async function sayUpToDate(args: readonly string[]): Promise<boolean> {
  const found = await orNothing(() => findUpToDate(args));
  if (found === undefined) return false;
  const { wish, reference, image, digest } = found;
  recordUse(wish.root, image);
  if (!wish.quiet) {
    const { onEvent } = lineReporter({ write: (text) => writeAtOnce(2, text), allTags: false });
    const shown = familiarString(reference);
    const when = { pull: 0, ms: 0 };
    onEvent({ type: 'start', version: eventsVersion, name: wish.name, reference: shown, platform: null, ...when });
    onEvent({ type: 'done', reference: shown, digest, image, upToDate: true, ...when });
  }
  writeAtOnce(1, `${canonicalString(reference)}\n`);
  return true;
}

interface UpToDate extends Pick<NamedImage, 'image'> {
  wish: Wish;
  reference: Reference;
  digest: Digest;
}

async function findUpToDate(args: readonly string[]): Promise<UpToDate | undefined> {
  const wish = readArguments(args);
  const source = wish === undefined ? undefined : parseSource(wish.name);
  if (wish === undefined || source?.kind !== 'registry') return undefined;
  const reference = withDefaultTag(parseReference(source.name));
  const local = namedImage(wish.root, reference);
  if (local === undefined) return undefined;
  const isHere = () => isComplete(wish.root, local.image, undefined);
  const digest =
    reference.digest === undefined ? await askRegistry(reference, isHere) : isHere() ? reference.digest : undefined;
  if (digest === undefined || !(reference.digest === digest || local.digests.includes(digest))) return undefined;
  return { wish, reference, image: local.image, digest };
}

/** The digest that the registry claims for the tag, if the image is here. */
async function askRegistry(reference: Reference, isHere: () => boolean): Promise<Digest | undefined> {
  if (!saysNothing(configPlaces(undefined, process.env))) return undefined;
  let here = false;
  const digest = await claimedDigest(reference, reference.tag ?? 'latest', () => {
    here = isHere();
  });
  return here ? digest : undefined;
}

/** undefined for options that this file knows nothing about, and for what is wrong. */
function readArguments(args: readonly string[]): Wish | undefined {
  const names: string[] = [];
  let root: string | undefined;
  let quiet = false;
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? '';
    if (argument === '--root') root = args[++at] ?? '-';
    else if (argument === '-q' || argument === '--quiet') quiet = true;
    else names.push(argument);
  }
  const [name = '-', ...others] = names;
  if (others.length > 0 || name.startsWith('-') || root?.startsWith('-')) return undefined;
  return { name, root: root ?? defaultRoot(), quiet };
}

/** What fails here fails in the full program as well, which tells why. */
async function orNothing<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KnownError || errnoCode(error) !== undefined) return undefined;
    throw error;
  }
}
