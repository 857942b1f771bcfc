/** Content descriptors (image-spec descriptor.md): the type, digest and size by which one document names another. */
import { KnownError } from '../errors.js';
import { printable } from '../printable.js';
import { algorithmOf, type Digest, digestOf, parseDigest } from './digest.js';
import { field, fieldsOf, integerField, stringField, stringMapField, stringsField, wrongField } from './fields.js';
import type { Platform } from './platform.js';
import type { Json } from './strict-json.js';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes as they travel. */
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** On the entries of an index. */
  readonly platform: Platform | undefined;
}

const descriptorKeys = ['mediaType', 'digest', 'size', 'urls', 'annotations', 'data', 'platform', 'artifactType'];
const platformKeys = ['architecture', 'os', 'os.version', 'os.features', 'variant', 'features'];

export function readDescriptor(value: Json | undefined, what: string): Descriptor {
  const fields = fieldsOf(value, what, descriptorKeys);
  const size = integerField(fields, 'size');
  // Nothing that a descriptor names here can be empty: not a document, not a compressed layer, not a tar archive.
  if (size === undefined || size <= 0) throw wrongField(fields, 'size', 'a positive integer');
  stringsField(fields, 'urls');
  const platform = field(fields, 'platform');
  return {
    mediaType: stringField(fields, 'mediaType') ?? '',
    digest: parseDigest(field(fields, 'digest'), `${what}: digest`),
    size,
    annotations: stringMapField(fields, 'annotations') ?? {},
    platform: platform === undefined ? undefined : readPlatform(platform, `${what}: platform`),
  };
}

function readPlatform(value: Json, what: string): Platform {
  const fields = fieldsOf(value, what, platformKeys);
  return {
    os: stringField(fields, 'os') ?? '',
    architecture: stringField(fields, 'architecture') ?? '',
    variant: stringField(fields, 'variant') || undefined,
    osVersion: stringField(fields, 'os.version') || undefined,
  };
}

/** Advice for those who got other bytes than they asked for. */
export const servedWrong = 'try again; if it stays so, the registry or its mirror is damaged: tell whoever runs it';

/**
 * Checks bytes against the descriptor that named them.
 *
 * @throws KnownError `E_VERIFY`
 */
export function verifyBytes(
  bytes: Uint8Array,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  what: string,
): void {
  if (bytes.length !== size)
    throw new KnownError('E_VERIFY', `${what} ${digest} has ${bytes.length} bytes, not the ${size} of its descriptor`, {
      hint: servedWrong,
    });
  verifyDigest(bytes, digest, what);
}

/** @throws KnownError `E_VERIFY` */
export function verifyDigest(bytes: Uint8Array, digest: Digest, what: string): void {
  const actual = digestOf(bytes, algorithmOf(digest));
  if (actual !== digest)
    throw new KnownError('E_VERIFY', `${what} does not match its digest: expected ${digest}, got ${actual}`, {
      hint: servedWrong,
    });
}

/** @throws KnownError `E_UNSUPPORTED` in Docker's words. */
export function unsupportedMediaType(mediaType: string, hint?: string): KnownError {
  return new KnownError(
    'E_UNSUPPORTED',
    `unsupported media type ${printable(mediaType, 200)}`,
    hint === undefined ? {} : { hint },
  );
}
