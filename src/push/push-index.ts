/** An index as it was pulled: under its digest it is complete only with all manifests that it lists. */
import { KnownError } from '../../store/errors.js';
import type { ImageRecord } from '../../store/images/image-db.js';
import type { Digest } from '../../store/oci/digest.js';
import { type Index, parseManifest } from '../../store/oci/manifest.js';
import { formatPlatform } from '../../store/oci/platform.js';
import type { Store } from '../../store/store.js';
import type { ImageIndex } from '../images/find.js';
import { keptDocuments } from '../images/kept-documents.js';
import { familiarString, type Reference } from '../reference.js';
import { type ImagePush, type PushedImage, pushImage } from './push-image.js';
import { recordPush } from './record-push.js';

export interface KeptIndex {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly index: Index;
  /** Images that are here, by the digest of the manifest that the index lists. */
  readonly images: ReadonlyMap<Digest, ImageRecord>;
}

/** @throws KnownError `E_UNSUPPORTED` for an image that was not pulled by one */
export function keptIndex(
  { root, images }: ImageIndex,
  { image, reference }: { image: ImageRecord; reference: Reference },
  preferred: readonly string[],
): KeptIndex {
  const documents = [...keptDocuments(root, image.id)];
  const own = new Set(documents.map(([digest]) => digest));
  const found = documents
    .map(([digest, bytes]) => ({ digest, bytes, index: parseManifest(bytes, undefined) }))
    .flatMap(({ index, ...kept }) => (index.kind === 'index' ? [{ ...kept, index }] : []))
    .filter(({ index }) => index.manifests.some(({ digest }) => own.has(digest)));
  const chosen = found.find(({ digest }) => preferred.includes(digest)) ?? found[0];
  if (chosen === undefined)
    throw new KnownError('E_UNSUPPORTED', `${familiarString(reference)} was not pulled by an index`, {
      hint: 'push it without --index',
    });
  const wanted = new Set(chosen.index.manifests.map(({ digest }) => digest));
  const here = images
    .list()
    .flatMap((record) =>
      [...keptDocuments(root, record.id).keys()].flatMap((digest): [Digest, ImageRecord][] =>
        wanted.has(digest) ? [[digest, record]] : [],
      ),
    );
  return { ...chosen, images: new Map(here) };
}

/** @throws KnownError `E_NO_IMAGE`, `E_UNSUPPORTED` */
export async function pushIndex(push: ImagePush, kept: KeptIndex, store: Store): Promise<PushedImage> {
  const { client, reference, emit, image } = push;
  for (const { digest, mediaType, platform } of kept.index.manifests) {
    if (await client.hasManifest(digest, mediaType)) continue;
    const one = kept.images.get(digest);
    const what = `the manifest ${digest}${platform === undefined ? '' : ` for ${formatPlatform(platform)}`}`;
    if (one === undefined)
      throw new KnownError(
        'E_NO_IMAGE',
        `${what} is neither here nor in ${familiarString({ ...reference, tag: undefined })}`,
        {
          hint: 'pull it with --platform, or push this image alone, without --index',
        },
      );
    const name = { ...reference, tag: undefined, digest };
    const pushed = await pushImage({ ...push, image: one, reference: name, digests: [digest] });
    if (pushed.digest !== digest)
      throw new KnownError('E_UNSUPPORTED', `${what} cannot be had unchanged: a blob of it is not to be had again`, {
        hint: 'push this image alone, without --index',
      });
    await recordPush(store, name, one.id, pushed);
  }
  const { digest, bytes, index } = kept;
  await client.putManifest(reference.tag ?? digest, bytes, index.mediaType);
  emit({
    type: 'done',
    reference: familiarString(reference),
    image: image.id,
    digest,
    size: bytes.length,
    unchanged: true,
  });
  return { digest, bytes, mediaType: index.mediaType, layers: [], unchanged: true };
}
