/** What an examination of a data root finds, and what puts it right. */
import type { ChainId, ImageId } from '../oci/digest.js';

export type Area =
  | 'image'
  | 'names'
  | 'layer-record'
  | 'layer-tree'
  | 'layer-directory'
  | 'short-link'
  | 'distribution'
  | 'container'
  | 'private'
  | 'orphan';

export interface Finding {
  readonly area: Area;
  /** Below the data root. */
  readonly path: string;
  /** In words, without path and values. */
  readonly problem: string;
  readonly layer?: ChainId | undefined;
  readonly cacheId?: string | undefined;
  readonly image?: ImageId | undefined;
  readonly container?: string | undefined;
  /** Path in the layer, as UTF-8 where it is. */
  readonly file?: string | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly fix: Fix;
}

/** Plain data: what is done is decided when something is found, and done by others, under locks, after another look. */
export type Fix =
  | { readonly kind: 'write'; readonly path: string; readonly text: string; readonly mode: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  /** Nobody refers to it. */
  | { readonly kind: 'remove'; readonly path: string }
  /** A layer that neither an image nor a container stands on. */
  | { readonly kind: 'release'; readonly layer: ChainId }
  /** The layer's blob is fetched again. */
  | { readonly kind: 'fetch-layer'; readonly layer: ChainId }
  /** One of the directories may be the layer's: its archive proves it. */
  | {
      readonly kind: 'find-directory';
      readonly layer: ChainId;
      readonly candidates: readonly string[];
      /** Others say that it is this one, whatever has become of its tree. */
      readonly likely: string | undefined;
    }
  | { readonly kind: 'fetch-config'; readonly image: ImageId }
  | { readonly kind: 'fetch-manifest'; readonly image: ImageId; readonly path: string }
  /** `repositories.json`, from the copy beside it. */
  | { readonly kind: 'recover-names' }
  /** @param why - nothing is done, for people */
  | { readonly kind: 'none'; readonly why: string };

/** Two looks at the same root give the same key for the same finding. */
export function keyOf({ area, path, problem, file, layer }: Finding): string {
  return [area, path, problem, file ?? '', layer ?? ''].join('\0');
}
