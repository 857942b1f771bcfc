/** Media types of Docker's image manifest v2 schema 2 and of the OCI image specification (media-types.md). */

export const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';
export const dockerManifestList = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndex = 'application/vnd.oci.image.index.v1+json';

export const dockerConfig = 'application/vnd.docker.container.image.v1+json';
export const ociConfig = 'application/vnd.oci.image.config.v1+json';

/** For the Accept header of a request for a manifest, the more general form first. */
export const manifestTypes: readonly string[] = [dockerManifestList, ociIndex, dockerManifest, ociManifest];

const schema1Types: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]);

const configTypes: ReadonlySet<string> = new Set([dockerConfig, ociConfig]);

// What early registries and builders wrote into Docker manifests (distribution/distribution#1621); Docker takes them.
const legacyDockerConfigTypes: ReadonlySet<string> = new Set([
  'application/octet-stream',
  'application/json',
  'text/html',
]);

const layerTypes: ReadonlySet<string> = new Set([
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
]);

// Layers that may lie elsewhere by their `urls`. They are asked of the registry only.
const foreignLayerTypes: ReadonlySet<string> = new Set([
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
]);

export function isIndexType(mediaType: string): boolean {
  return mediaType === dockerManifestList || mediaType === ociIndex;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === dockerManifest || mediaType === ociManifest;
}

export function isSchema1Type(mediaType: string): boolean {
  return schema1Types.has(mediaType);
}

/** True for the types of the Docker family, which want `mediaType` inside the document. */
export function isDockerType(mediaType: string): boolean {
  return mediaType === dockerManifest || mediaType === dockerManifestList;
}

export function isConfigType(mediaType: string, manifestType: string): boolean {
  return configTypes.has(mediaType) || (manifestType === dockerManifest && legacyDockerConfigTypes.has(mediaType));
}

export function isForeignLayerType(mediaType: string): boolean {
  return foreignLayerTypes.has(mediaType);
}

export function isLayerType(mediaType: string): boolean {
  return layerTypes.has(mediaType) || foreignLayerTypes.has(mediaType);
}

/** The type in a Content-Type header without its parameters, in lower case; undefined when there is none. */
export function essenceOf(contentType: string | undefined): string | undefined {
  const essence = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  return essence === '' ? undefined : essence;
}
