/** The same images pulled by dockerd and by tspull; then the root that dockerd wrote, in our hands. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Image } from '../../fixtures/registry/image.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { type ChainId, chainIdsOf, type DiffId } from '../../store/oci/digest.js';
import { cli } from '../support/cli.js';
import { type Dockerd, dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { layerFacts, layerTree, mergedTree, tarSplit } from '../support/layer-compare.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { checkStore } from '../support/store-state.js';
import { tempDir } from '../support/temp.js';
import { debianImage } from './debian-image.js';
import { busyboxImage, siblingImage } from './images.js';

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox', 'dpkg');

const chainOf = (image: Image): ChainId[] => chainIdsOf(image.diffIds as readonly string[] as DiffId[]);

async function must(daemon: Dockerd, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await daemon.docker(args);
  assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Every file below, by name, with its text. */
function texts(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    names
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort()
      .map((path) => [path.slice(folder.length), readFileSync(path, 'utf8')]),
  );
}

test('tspull writes what dockerd writes, and works on what dockerd wrote', { skip }, async (t) => {
  const since = Date.now();
  const registry = await startDockerRegistry(t);
  const [busybox, debian, sibling] = [busyboxImage(), await debianImage(), siblingImage()];
  await registry.push('lib/busybox', '1', busybox);
  await registry.push('lib/debian', '12', debian);
  await registry.push('lib/sibling', '1', sibling);
  const names = [`${registry.host}/lib/busybox:1`, `${registry.host}/lib/debian:12`];
  const [busyboxName = '', debianName = ''] = names;
  const siblingName = `${registry.host}/lib/sibling:1`;
  const dir = tempDir(t);
  const ours = join(dir, 'ours');
  const theirs = join(dir, 'theirs');

  const first = await startDockerd(t, { root: theirs });
  for (const name of names) await must(first, 'pull', '-q', name);
  const inspected = await must(first, 'image', 'inspect', ...names);
  const listed = await must(first, 'image', 'ls', '--digests');
  await first.stop();
  assert.equal((await cli('tspull', ours, ['-q', ...names])).status, 0);
  checkStore(ours);

  const chains = [...new Set([...chainOf(busybox), ...chainOf(debian)])];
  for (const [index, chainId] of chains.entries())
    await t.test(`layer ${index} is the same, path by path, with its record`, () => {
      const tree = layerTree(ours, chainId, since);
      assert.deepEqual(tree, layerTree(theirs, chainId, since));
      if (index === 0) assert.ok(tree.length > 100 && tree.some((line) => line.includes('security.capability=')));
      assert.deepEqual(layerFacts(ours, chainId), layerFacts(theirs, chainId));
      assert.deepEqual(tarSplit(ours, chainId), tarSplit(theirs, chainId));
    });
  await t.test('merged trees, names, images and the memory of registries are the same', () => {
    for (const chain of [chainOf(busybox), chainOf(debian)]) {
      const top = chain.at(-1);
      assert.ok(top);
      assert.deepEqual(mergedTree(ours, top, since), mergedTree(theirs, top, since));
    }
    assert.deepEqual(listLayers(ours).sort(), listLayers(theirs).sort());
    const namesOf = (root: string) => readFileSync(join(root, 'image/overlay2/repositories.json'), 'utf8');
    assert.equal(namesOf(ours), namesOf(theirs));
    for (const part of ['imagedb', 'distribution'])
      assert.deepEqual(texts(join(ours, 'image/overlay2', part)), texts(join(theirs, 'image/overlay2', part)), part);
  });

  await t.test('tsimage shows a root of dockerd as docker does', async () => {
    assert.equal((await cli('tsimage', theirs, ['inspect', ...names])).stdout, inspected);
    const shown = (await cli('tsimage', theirs, ['ls', '--digests'])).stdout;
    assert.deepEqual(shown.split('\n').sort(), listed.split('\n').sort());
  });
  await t.test('tsrun runs from it', async () => {
    const script = 'cat opaque/above changed last; echo; ls opaque; ls hidden 2>/dev/null || echo hidden';
    const ran = await cli('tsrun', theirs, ['--rm', busyboxName, 'sh', '-c', script]);
    assert.equal(ran.stdout, 'abovesecondlast\nabove\nhidden\n', ran.stderr);
    const debianRan = await cli('tsrun', theirs, ['--rm', debianName, 'bash', '-c', 'perl -e "print 6*7"']);
    assert.equal(debianRan.stdout, '42', debianRan.stderr);
    checkStore(theirs, { leftovers: true });
  });
  await t.test('tspull adds an image to it, and dockerd agrees', async () => {
    const pulled = await cli('tspull', theirs, [siblingName]);
    assert.equal(pulled.status, 0, pulled.stderr);
    assert.equal(pulled.stderr.match(/Already exists/g)?.length, 2, pulled.stderr);
    assert.match((await cli('tspull', theirs, [busyboxName])).stderr, /Image is up to date/);
    const shown = await cli('tsimage', theirs, ['inspect', ...names, siblingName]);
    const again = await startDockerd(t, { root: theirs });
    assert.equal(await must(again, 'image', 'inspect', ...names, siblingName), shown.stdout);
    const cat = await must(again, 'run', '--rm', '--network=none', siblingName, 'cat', '/sibling', '/changed');
    assert.equal(cat, 'ssecond');
    assert.match(await must(again, 'pull', siblingName), /Image is up to date/);
    await must(again, 'rmi', busyboxName);
    assert.equal(await must(again, 'run', '--rm', '--network=none', siblingName, 'cat', '/sibling'), 's');
    await again.stop();
    checkStore(theirs, { leftovers: true });
  });
  await t.test('what dockerd removed, and tsimage removes, is gone from the disk', async () => {
    const removed = await cli('tsimage', theirs, ['rm', siblingName, debianName]);
    assert.equal(removed.status, 0, removed.stderr);
    assert.deepEqual(listLayers(theirs), []);
    assert.deepEqual(readdirSync(join(theirs, 'overlay2')), ['l']);
    assert.deepEqual(readdirSync(join(theirs, 'overlay2/l')), []);
    const last = await startDockerd(t, { root: theirs });
    assert.equal(await must(last, 'image', 'ls', '-aq'), '');
    await must(last, 'pull', '-q', busyboxName);
    assert.match(await must(last, 'run', '--rm', '--network=none', busyboxName), /from the image/);
    await last.stop();
  });
});
