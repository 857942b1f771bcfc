/** Under which digests a layer may be known to registries, and the manifests that an image was pulled with. */
import type { ImageRecord } from '../../store/images/image-db.js';
import { sourcesOf } from '../../store/layers/distribution.js';
import type { Descriptor } from '../../store/oci/descriptor.js';
import type { DiffId, Digest } from '../../store/oci/digest.js';
import { type Manifest, parseManifest } from '../../store/oci/manifest.js';
import { keptDocuments } from '../images/kept-documents.js';

export interface KeptManifest {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly manifest: Manifest;
}

/** Manifests of this very image, the one with a preferred digest first. */
export function keptManifests(root: string, image: ImageRecord, preferred: readonly string[]): KeptManifest[] {
  const kept: KeptManifest[] = [];
  for (const [digest, bytes] of keptDocuments(root, image.id)) {
    const manifest = parseManifest(bytes, undefined);
    if (manifest.kind !== 'manifest' || (manifest.config.digest as string) !== image.id) continue;
    if (manifest.layers.length === image.diffIds.length) kept.push({ digest, bytes, manifest });
  }
  const rank = ({ digest }: KeptManifest) => (preferred.includes(digest) ? 0 : 1);
  return kept.sort((a, b) => rank(a) - rank(b));
}

/** What one layer of an image may be found by at a registry. */
export interface LayerCandidates {
  /** As the manifest to be pushed again has it. */
  readonly wanted: Descriptor | undefined;
  /** Other blobs of the same content, gzip as far as is known: those that the repository has got before first. */
  readonly others: readonly Digest[];
  /** Repositories of the same registry, without its name, that may have a blob. */
  repositoriesWith(digest: Digest): string[];
}

/** More than this is not asked for a layer. */
const MOST_OTHERS = 3;
const MOST_REPOSITORIES = 3;

export interface LayerQuestion {
  diffId: DiffId;
  wanted: Descriptor | undefined;
  /** `docker.io/library/ubuntu` is domain and path. */
  target: { domain: string; path: string };
  /** Blobs that are known to be something else than gzip: they have no place in the manifest that Docker makes. */
  unfit: ReadonlySet<string>;
}

export function layerCandidates(root: string, { diffId, wanted, target, unfit }: LayerQuestion): LayerCandidates {
  const own = `${target.domain}/${target.path}`;
  const sources = sourcesOf(root, diffId).filter(({ repository }) => repository.startsWith(`${target.domain}/`));
  const ordered = [
    ...sources.filter(({ repository }) => repository === own),
    ...sources.filter(({ repository }) => repository !== own),
  ];
  const others = new Set(ordered.map(({ blob }) => blob).filter((blob) => blob !== wanted?.digest && !unfit.has(blob)));
  return {
    wanted,
    others: [...others].slice(0, MOST_OTHERS),
    repositoriesWith: (digest) =>
      sources
        .filter(({ blob, repository }) => blob === digest && repository !== own)
        .map(({ repository }) => repository.slice(target.domain.length + 1))
        .slice(0, MOST_REPOSITORIES),
  };
}
