import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openImageDb } from '../../store/images/image-db.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { listLayers, readChain, readLayer } from '../../store/layers/layer-db.js';
import { chainIdsOf, digestOf } from '../../store/oci/digest.js';
import { lowerOf, readLower } from '../../store/overlay2/layer-dir.js';
import { rebuild } from './layer.js';

/**
 * Checks a whole data root against the format: every name has an image, every image its layers, every layer its directory, short
 * name and parents, and gives back its archive. Nothing lies around that nothing refers to.
 */
export function checkStore(root: string, { leftovers = false } = {}): void {
  const images = openImageDb(root);
  for (const [, keys] of readRepositories(root))
    for (const [key, id] of keys) assert.ok(images.get(id), `${key} names a missing image`);
  for (const image of images.list()) {
    const top = chainIdsOf([...image.diffIds]).at(-1);
    if (top !== undefined)
      assert.equal(readChain(root, top)?.length, image.diffIds.length, `image ${image.id} lacks layers`);
  }
  const known = new Set<string>();
  for (const chainId of listLayers(root)) {
    const layer = readLayer(root, chainId);
    assert.ok(layer, `layer ${chainId} has no complete record`);
    known.add(layer.cacheId);
    const dir = join(root, 'overlay2', layer.cacheId);
    const link = readFileSync(join(dir, 'link'), 'utf8');
    assert.equal(readlinkSync(join(root, 'overlay2/l', link)), `../${layer.cacheId}/diff`);
    const parent = layer.parent === undefined ? undefined : readLayer(root, layer.parent);
    assert.equal(parent === undefined, layer.parent === undefined, `layer ${chainId} has no parent`);
    assert.deepEqual(readLower(root, layer.cacheId), parent === undefined ? [] : lowerOf(root, parent.cacheId));
    const record = join(root, 'image/overlay2/layerdb/sha256', chainId.slice(7));
    assert.ok(gunzipSync(readFileSync(join(record, 'tar-split.json.gz'))).length > 0);
    assert.equal(digestOf(rebuild({ record, diff: join(dir, 'diff') })), layer.diffId, `layer ${chainId} is damaged`);
  }
  if (leftovers) return;
  const cacheIds = readdirSync(join(root, 'overlay2')).filter((name) => name !== 'l');
  assert.deepEqual(cacheIds.sort(), [...known].sort(), 'directories in overlay2 that no layer owns');
  for (const link of readdirSync(join(root, 'overlay2/l'))) {
    assert.ok(lstatSync(join(root, 'overlay2/l', link)).isSymbolicLink());
    assert.ok(existsSync(join(root, 'overlay2/l', link)), `the short name ${link} leads nowhere`);
  }
  assert.deepEqual(readdirSync(join(root, 'tspull/staging')), [], 'something is left in staging');
}
