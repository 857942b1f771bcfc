/** Content digests of the OCI image specification (descriptor.md, "Digests"). */

import { KnownError } from '../errors.js';
import { loadedSha256 } from '../linux/sha256.js';
import { SHORT_BYTES, sha256OfShort } from './sha256.js';

/** `sha256:<64 hex>` or `sha512:<128 hex>`, checked. Names the bytes of a blob as it travels (maybe compressed). */
export type Digest = string & { readonly __brand: 'Digest' };
/** The digest of an uncompressed layer archive. Always sha256 in a Docker data root. */
export type DiffId = string & { readonly __brand: 'DiffId' };
/** Names a layer together with everything below it. */
export type ChainId = string & { readonly __brand: 'ChainId' };
/** The digest of an image's config bytes. */
export type ImageId = string & { readonly __brand: 'ImageId' };

const pattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const sha256Pattern = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && pattern.test(text);
}

/** Checks a digest before it may become a part of a path or URL. */
export function parseDigest(text: unknown, what = 'digest'): Digest {
  if (isDigest(text)) return text;
  throw new KnownError(
    'E_DIGEST',
    `${what} ${JSON.stringify(text)?.slice(0, 200)} is not of the form sha256:<64 hex digits>`,
  );
}

export function parseDiffId(text: unknown): DiffId {
  if (typeof text === 'string' && sha256Pattern.test(text)) return text as DiffId;
  throw new KnownError(
    'E_DIGEST',
    `diff id ${JSON.stringify(text)?.slice(0, 200)} is not of the form sha256:<64 hex digits>`,
  );
}

export function parseChainId(text: unknown): ChainId {
  return parseDiffId(text) as string as ChainId;
}

export function parseImageId(text: unknown): ImageId {
  return parseDiffId(text) as string as ImageId;
}

/** The algorithm's name as node:crypto knows it. */
export function algorithmOf(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The digits behind the colon: a safe file name. */
export function hexOf(digest: Digest | DiffId | ChainId | ImageId): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Once it is loaded. */
let nodeCrypto: typeof import('node:crypto') | undefined;

export function digestOf(data: Uint8Array | string, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const hex = (algorithm === 'sha256' ? quickSha256(bytes) : undefined) ?? digestByNode(bytes, algorithm);
  return `${algorithm}:${hex}` as Digest;
}

function quickSha256(bytes: Uint8Array): string | undefined {
  const native = loadedSha256(bytes)?.toString('hex');
  return native ?? (nodeCrypto === undefined && bytes.length <= SHORT_BYTES ? sha256OfShort(bytes) : undefined);
}

/** Loaded when it is needed: that takes a tenth of a short command's time. */
function digestByNode(bytes: Uint8Array, algorithm: 'sha256' | 'sha512'): string {
  nodeCrypto ??= process.getBuiltinModule('node:crypto');
  return nodeCrypto.createHash(algorithm).update(bytes).digest('hex');
}

/**
 * chainID of a layer on top of `parent` (image-spec config.md, "Layer ChainID"): the lowest layer's is its diffID,
 * above it is the sha256 of `<parent chainID> <diffID>`.
 */
export function chainIdOf(diffId: DiffId, parent?: ChainId): ChainId {
  return (parent === undefined ? diffId : digestOf(`${parent} ${diffId}`)) as string as ChainId;
}

/** The chainIDs of all layers of an image, lowest first. */
export function chainIdsOf(diffIds: readonly DiffId[]): ChainId[] {
  const chain: ChainId[] = [];
  for (const diffId of diffIds) chain.push(chainIdOf(diffId, chain.at(-1)));
  return chain;
}
