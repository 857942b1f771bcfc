import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { randomId } from '../../../store/fs/random-id.js';
import { createWritableLayer, initIdOf, removeWritableLayer } from '../../../store/layers/writable-layer.js';
import { layerDirs, readLower } from '../../../store/overlay2/layer-dir.js';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';

const skip = missing('root', 'busybox');

function make(t: TestContext, layers: number) {
  const root = layerRoot(t);
  const image = addImage(
    root,
    Array.from({ length: layers }, () => busybox),
  );
  const layer = { containerId: randomId(), mountId: randomId(), parent: image.chainId };
  createWritableLayer(root, layer);
  return { root, layer, entry: join(root, 'image', 'overlay2', 'layerdb', 'mounts', layer.containerId) };
}

/** `path mode size-or-target` of everything below, sorted. */
function listing(dir: string): string[] {
  return readdirSync(dir, { recursive: true })
    .map(String)
    .sort()
    .map((name) => {
      const stats = lstatSync(join(dir, name));
      if (stats.isSymbolicLink()) return `${name} -> ${readlinkSync(join(dir, name))}`;
      return `${name} ${stats.isDirectory() ? 'd' : `f${stats.size}`} ${(stats.mode & 0o7777).toString(8)}`;
    });
}

const initContent = [
  '.dockerenv f0 755',
  'dev d 755',
  'dev/console f0 755',
  'dev/pts d 755',
  'dev/shm d 755',
  'etc d 755',
  'etc/hostname f0 755',
  'etc/hosts f0 755',
  'etc/mtab -> /proc/mounts',
  'etc/resolv.conf f0 755',
];

for (const layers of [0, 1, 3]) {
  test(`on ${layers} layers: Docker's layout, and its removal`, { skip }, (t) => {
    const { root, layer, entry } = make(t, layers);
    const init = layerDirs(root, initIdOf(layer.mountId));
    const expected = layers === 0 ? [...initContent, 'proc d 755', 'sys d 755'] : initContent;
    assert.deepEqual(listing(init.diff), expected);
    assert.deepEqual(readdirSync(join(layerDirs(root, layer.mountId).diff)), []);
    assert.equal(readLower(root, layer.mountId).length, layers + 1);
    assert.ok(existsSync(init.committed));
    assert.deepEqual(readdirSync(entry).sort(), ['init-id', 'mount-id', ...(layers > 0 ? ['parent'] : [])]);
    assert.equal(readFileSync(join(entry, 'mount-id'), 'utf8'), layer.mountId);
    assert.ok(!existsSync(join(init.work, 'work', 'incompat')), 'dockerd could not mount it');
    removeWritableLayer(root, layer);
    assert.ok(!existsSync(entry));
    assert.equal(readdirSync(join(root, 'overlay2')).length, layers + 1);
    removeWritableLayer(root, layer);
  });
}
