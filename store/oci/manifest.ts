/** Image manifests and indexes: Docker's image manifest v2 schema 2 and the OCI image specification v1. */
import { KnownError } from '../errors.js';
import { printable } from '../printable.js';
import { type Descriptor, readDescriptor, unsupportedMediaType } from './descriptor.js';
import {
  arrayField,
  type Fields,
  field,
  fieldsOf,
  integerField,
  stringField,
  stringMapField,
  wrong,
} from './fields.js';
import {
  essenceOf,
  isConfigType,
  isDockerType,
  isIndexType,
  isLayerType,
  isManifestType,
  isSchema1Type,
  ociIndex,
  ociManifest,
} from './media-types.js';
import { parseStrictJson } from './strict-json.js';

/** One image: its config and its layers, the lowest first. */
export interface Manifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Images for several platforms. */
export interface Index {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/** Largest manifest or index in bytes; the distribution specification expects registries to take 4 MiB. */
export const maxManifestBytes = 8 * 1024 * 1024;
/** overlayfs stacks 128 lower directories, one of which is the container's init layer. */
export const maxLayers = 127;
const maxIndexEntries = 10_000;

const keys = [
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'manifests',
  'subject',
  'annotations',
  'fsLayers',
  'history',
  'signatures',
];
// Says nothing about the document; its own mediaType then has to.
const vagueTypes: ReadonlySet<string | undefined> = new Set([
  undefined,
  'application/json',
  'application/octet-stream',
]);

/**
 * Reads a manifest or index whose digest was checked before.
 *
 * @param contentType - the header it came with, or the mediaType of the descriptor that named it. It, the document's
 *   own `mediaType` and the document's shape have to agree (CVE-2021-41190).
 * @throws KnownError `E_DOCUMENT`, or `E_UNSUPPORTED` for kinds that are no images that can be unpacked.
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest | Index {
  const header = essenceOf(contentType);
  if (header !== undefined && isSchema1Type(header)) throw schema1();
  if (bytes.length > maxManifestBytes)
    throw wrong('manifest', `has ${bytes.length} bytes, more than ${maxManifestBytes}`);
  if (!vagueTypes.has(header) && header !== undefined && !isManifestType(header) && !isIndexType(header))
    throw unsupportedMediaType(header);
  const fields = fieldsOf(parseStrictJson(bytes, { what: 'manifest', numbers: 'integers' }), 'manifest', keys);
  if (integerField(fields, 'schemaVersion') === 1) throw schema1();
  if (integerField(fields, 'schemaVersion') !== 2) throw wrong('manifest', 'does not have schemaVersion 2');
  const mediaType = agreedType(fields, vagueTypes.has(header) ? undefined : header);
  stringMapField(fields, 'annotations');
  return isIndexType(mediaType) ? readIndex(fields, mediaType) : readManifest(fields, mediaType);
}

/** The one type on which header, body and shape agree. */
function agreedType(fields: Fields, header: string | undefined): string {
  const inside = stringField(fields, 'mediaType') || undefined;
  if (header !== undefined && inside !== undefined && header !== inside)
    throw wrong('manifest', `calls itself ${printable(inside, 200)} but was sent as ${header}`);
  if (header !== undefined && inside === undefined && isDockerType(header))
    throw wrong('manifest', `was sent as ${header} but has no mediaType`);
  const hasManifests = field(fields, 'manifests') !== undefined;
  const hasLayers = field(fields, 'layers') !== undefined || field(fields, 'config') !== undefined;
  if (hasManifests && hasLayers) throw wrong('manifest', 'has the fields of an index as well as those of an image');
  if (field(fields, 'fsLayers') !== undefined) throw wrong('manifest', 'has fields of schema 1');
  const mediaType = header ?? inside ?? (hasManifests ? ociIndex : ociManifest);
  if (!isManifestType(mediaType) && !isIndexType(mediaType)) throw unsupportedMediaType(mediaType);
  if (isIndexType(mediaType) !== hasManifests)
    throw wrong('manifest', `has type ${mediaType} but the fields of ${hasManifests ? 'an index' : 'no index'}`);
  return mediaType;
}

function readIndex(fields: Fields, mediaType: string): Index {
  const manifests = arrayField(fields, 'manifests') ?? [];
  if (manifests.length > maxIndexEntries)
    throw wrong('index', `has ${manifests.length} entries, more than ${maxIndexEntries}`);
  return {
    kind: 'index',
    mediaType,
    manifests: manifests.map((entry, i) => readDescriptor(entry, `index entry ${i}`)),
  };
}

function readManifest(fields: Fields, mediaType: string): Manifest {
  const config = readDescriptor(field(fields, 'config'), 'manifest: config');
  if (!isConfigType(config.mediaType, mediaType))
    throw unsupportedMediaType(config.mediaType, 'the reference names something other than a container image');
  const layers = arrayField(fields, 'layers') ?? [];
  if (layers.length === 0) throw new KnownError('E_UNSUPPORTED', 'the image has no layers');
  assertStackable(layers.length);
  return { kind: 'manifest', mediaType, config, layers: layers.map((layer, i) => readLayer(layer, i)) };
}

/** @throws KnownError `E_UNSUPPORTED` for more layers than {@link maxLayers} */
export function assertStackable(layers: number): void {
  if (layers <= maxLayers) return;
  throw new KnownError('E_UNSUPPORTED', `max depth exceeded: the image has ${layers} layers`, {
    hint: `overlay2 can stack ${maxLayers}`,
  });
}

function readLayer(value: Parameters<typeof readDescriptor>[0], index: number): Descriptor {
  const layer = readDescriptor(value, `manifest: layer ${index}`);
  if (!isLayerType(layer.mediaType)) throw unsupportedMediaType(layer.mediaType);
  return layer;
}

function schema1(): KnownError {
  return new KnownError('E_UNSUPPORTED', 'image manifest version 2, schema 1 is not supported', {
    hint: 'push the image again with a current builder',
  });
}
