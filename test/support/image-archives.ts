/** Archives and layouts with images, as files by path: change some, then {@link packFiles} them or write them to a directory. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type Image, toDocument } from '../../fixtures/registry/image.js';
import { digestOf, hexOf } from '../../store/oci/digest.js';
import { ociConfig, ociIndex, ociManifest } from '../../store/oci/media-types.js';
import { file, tar } from './tar-builder.js';

export type Files = Record<string, Buffer>;

export interface SavedImage {
  /** Its layers go in as they are: build it with `compression: 'none'` for what docker save writes. */
  image: Image;
  tags?: readonly string[];
}

/** What `docker save` of 20.10 writes, less what nobody reads. */
export function savedFiles(...images: SavedImage[]): Files {
  const files: Files = {};
  const manifest = images.map(({ image, tags }) => {
    const config = `${hexOf(digestOf(image.config))}.json`;
    files[config] = image.config;
    const layers = image.layers.map((layer, at) => {
      const path = `${hexOf(image.diffIds[at] ?? digestOf(layer))}/layer.tar`;
      files[path] = layer;
      return path;
    });
    return { Config: config, RepoTags: tags ?? null, Layers: layers };
  });
  files['manifest.json'] = Buffer.from(JSON.stringify(manifest));
  return files;
}

export interface LayoutImage {
  image: Image;
  annotations?: Record<string, string>;
  withPlatform?: boolean;
}

export function layoutFiles(...images: LayoutImage[]): Files {
  const files: Files = { 'oci-layout': Buffer.from('{"imageLayoutVersion":"1.0.0"}') };
  const manifests = images.map(({ image, annotations, withPlatform }) => {
    for (const blob of [image.manifest.bytes, image.config, ...image.layers]) files[blobPath(blob)] = blob;
    const { bytes, mediaType } = image.manifest;
    return {
      ...describe(bytes, mediaType),
      ...(annotations && { annotations }),
      ...(withPlatform && { platform: image.platform }),
    };
  });
  files['index.json'] = toDocument({ schemaVersion: 2, mediaType: ociIndex, manifests }, ociIndex).bytes;
  return files;
}

/** `docker save` of Docker 25 and later: an OCI layout of uncompressed layers, and a manifest.json that leads into it. */
export function newSavedFiles({ image, tags = [] }: SavedImage): Files {
  const manifest = toDocument(
    {
      schemaVersion: 2,
      mediaType: ociManifest,
      config: describe(image.config, ociConfig),
      layers: image.layers.map((layer) => describe(layer, 'application/vnd.oci.image.layer.v1.tar')),
    },
    ociManifest,
  );
  const annotations = tags.map((tag) => ({
    'io.containerd.image.name': `docker.io/library/${tag}`,
    'org.opencontainers.image.ref.name': tag.slice(tag.indexOf(':') + 1),
  }));
  const list = [
    { Config: blobPath(image.config), RepoTags: tags, Layers: image.layers.map(blobPath), LayerSources: {} },
  ];
  return {
    ...layoutFiles(...annotations.map((one) => ({ image: { ...image, manifest }, annotations: one }))),
    'manifest.json': Buffer.from(JSON.stringify(list)),
  };
}

export function blobPath(blob: Buffer): string {
  return `blobs/sha256/${hexOf(digestOf(blob))}`;
}

export function packFiles(files: Files): Buffer {
  return tar(...Object.entries(files).map(([name, content]) => file(name, '', { content })));
}

export function writeFiles(directory: string, files: Files): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}
