/** Archives that `docker load` takes, made in memory. */
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { digestOf, hexOf } from '../../store/oci/digest.js';

export interface ArchiveImage {
  /** The config; `rootfs` is filled in. */
  config: Record<string, unknown>;
  /** Uncompressed layer archives, lowest first. */
  layers: readonly Uint8Array[];
  tags: readonly string[];
}

/** A tar of regular files with time 0 and owner 0. */
export async function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mtime: new Date(0) }, Buffer.from(content));
  tar.finalize();
  return buffer(tar);
}

export async function dockerArchive(images: readonly ArchiveImage[]): Promise<Buffer> {
  const files = new Map<string, Uint8Array>();
  const manifest = images.map(({ config, layers, tags }) => {
    const diffIds = layers.map((layer) => digestOf(layer));
    const bytes = Buffer.from(JSON.stringify({ ...config, rootfs: { type: 'layers', diff_ids: diffIds } }));
    const configName = `${hexOf(digestOf(bytes))}.json`;
    files.set(configName, bytes);
    const names = layers.map((layer) => `${hexOf(digestOf(layer))}/layer.tar`);
    for (const [index, name] of names.entries()) files.set(name, layers[index] ?? new Uint8Array());
    return { Config: configName, RepoTags: tags, Layers: names };
  });
  files.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
  return tarOf(Object.fromEntries(files));
}
