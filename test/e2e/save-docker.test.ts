/** What is saved here, docker, podman and skopeo load, and the reverse: the same ids, the same bytes. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Image } from '../../fixtures/registry/image.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { digestOf } from '../../store/oci/digest.js';
import { cli } from '../support/cli.js';
import { type CommandResult, type Dockerd, dockerdNeeds, run, startDockerd } from '../support/dockerd.js';
import { packFiles, savedFiles } from '../support/image-archives.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { tempDir } from '../support/temp.js';
import { debianImage } from './debian-image.js';
import { busyboxImage, siblingImage } from './images.js';

const skip = missing(...dockerdNeeds, 'busybox', 'dpkg', 'podman', 'skopeo', 'zstd');

const idOf = (image: Image): string => digestOf(image.config);

async function good(result: Promise<CommandResult>): Promise<string> {
  const { status, stdout, stderr } = await result;
  assert.equal(status, 0, stderr);
  return stdout;
}

const tsimage = (root: string, ...args: string[]) => good(cli('tsimage', root, args));
const docker = (daemon: Dockerd, ...args: string[]) => good(daemon.docker(args));

const rows = ['image', 'ls', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}'];
const sorted = (text: string): string[] => text.trim().split('\n').sort();

async function freshRoot(t: TestContext, archive: string): Promise<string> {
  const root = join(tempDir(t), 'data');
  await tsimage(root, 'load', '-i', archive);
  checkStore(root);
  return root;
}

test('archives go back and forth', { skip }, async (t) => {
  const dir = tempDir(t);
  const at = (name: string) => join(dir, name);
  const [busybox, sibling, debian] = [busyboxImage(), siblingImage(), await debianImage()];
  const images = {
    'busybox:1': busybox,
    'busybox:2': busybox,
    'other.host:5000/a/sibling:1': sibling,
    'debian:12': debian,
  };
  const names = Object.keys(images);
  const expected = Object.entries(images).map(([name, image]) => `${name} ${idOf(image)}`);
  writeFileSync(
    at('first.tar'),
    packFiles(
      savedFiles(
        { image: busybox, tags: names.slice(0, 2) },
        { image: sibling, tags: names.slice(2, 3) },
        { image: debian, tags: names.slice(3) },
      ),
    ),
  );
  const peer = await startDockerd(t);
  const loadedByDocker = await docker(peer, 'load', '-i', at('first.tar'));
  await docker(peer, 'save', '-o', at('docker.tar'), ...names);
  const ours = join(tempDir(t), 'data');

  await t.test('load tells what docker load tells', async () => {
    assert.equal(await tsimage(ours, 'load', '-i', at('first.tar')), loadedByDocker);
    checkStore(ours);
    assert.deepEqual(sorted(await tsimage(ours, ...rows.slice(1))), [...expected].sort());
    await docker(peer, 'save', '-o', at('small.tar'), 'busybox:1');
    await good(run('zstd', ['-q', '-1', at('small.tar')]));
    const archive = readFileSync(at('small.tar'));
    for (const input of [archive, gzipSync(archive), readFileSync(at('small.tar.zst'))]) {
      const told = await good(cli('tsimage', join(tempDir(t), 'data'), ['load', '-q'], { input }));
      assert.equal(told, 'Loaded image: busybox:1\n');
    }
  });

  await tsimage(ours, 'save', '-o', at('ours.tar'), 'busybox', ...names.slice(2));

  await t.test('docker loads what is saved here, and saves the very layers again', async (t) => {
    const daemon = await startDockerd(t);
    await docker(daemon, 'load', '-i', at('ours.tar'));
    assert.deepEqual(sorted(await docker(daemon, ...rows)), [...expected].sort());
    assert.equal(await docker(daemon, 'run', '--rm', '--network=none', 'busybox:2', 'echo', 'ran'), 'ran\n');
    await docker(daemon, 'save', '-o', at('again.tar'), ...names);
    const root = await freshRoot(t, at('again.tar'));
    assert.deepEqual(sorted(await tsimage(root, ...rows.slice(1))), [...expected].sort());
    await tsimage(root, 'save', '-o', at('third.tar'), 'busybox', ...names.slice(2));
    await daemon.stop();
    assert.ok(
      readFileSync(at('third.tar')).equals(readFileSync(at('ours.tar'))),
      'the same images make the same archive',
    );
  });

  await t.test('by id there is no name', async (t) => {
    await tsimage(ours, 'save', '-o', at('id.tar'), idOf(sibling));
    const archive = readFileSync(at('id.tar'));
    const told = await good(cli('tsimage', join(tempDir(t), 'data'), ['load'], { input: archive }));
    assert.equal(told, `Loaded image ID: ${idOf(sibling)}\n`);
    assert.equal(await good(peer.docker(['load'], archive)), told);
  });

  await t.test('a tag that moves is told', async (t) => {
    const daemon = await startDockerd(t);
    await docker(daemon, 'load', '-q', '-i', at('ours.tar'));
    const root = await freshRoot(t, at('ours.tar'));
    await docker(daemon, 'tag', 'debian:12', 'busybox:1');
    await docker(daemon, 'save', '-o', at('moved.tar'), 'busybox:1');
    await daemon.stop();
    const theirs = await docker(peer, 'load', '-i', at('moved.tar'));
    assert.match(theirs, /^The image busybox:1 already exists, renaming the old one with ID sha256:/);
    assert.equal(await tsimage(root, 'load', '-i', at('moved.tar')), theirs);
  });

  await t.test('podman', async (t) => {
    const store = ['--root', at('podman'), '--runroot', at('podman-run'), '--storage-driver', 'vfs'];
    const podman = (...args: string[]) => good(run('podman', [...store, ...args]));
    await podman('load', '-q', '-i', at('ours.tar'));
    const listed = await podman('images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}');
    const local = expected.map((row) => (row.startsWith('other.host') ? row : `localhost/${row}`));
    assert.deepEqual(sorted(listed), local.sort());
    await podman('save', '-q', '-m', '-o', at('podman.tar'), 'localhost/busybox:1', 'localhost/debian:12');
    const root = await freshRoot(t, at('podman.tar'));
    assert.deepEqual(
      sorted(await tsimage(root, ...rows.slice(1))).filter((row) => !row.includes(':2 ')),
      [`localhost/busybox:1 ${idOf(busybox)}`, `localhost/debian:12 ${idOf(debian)}`].sort(),
    );
    await podman('rmi', '-af');
    await tsimage(ours, 'save', '--format', 'oci-archive', '-o', at('oci.tar'), 'debian:12');
    await podman('load', '-q', '-i', at('oci.tar'));
    assert.match(await podman('images', '--no-trunc', '--format', '{{.ID}}'), new RegExp(idOf(debian)));
  });

  await t.test('skopeo, both formats', async (t) => {
    await tsimage(ours, 'save', '--format', 'oci-archive', '-o', at('oci-all.tar'), 'busybox', ...names.slice(2));
    for (const [name, full, image] of [
      ['busybox:2', 'docker.io/library/busybox:2', busybox],
      ['debian:12', 'docker.io/library/debian:12', debian],
    ] as const) {
      for (const source of [`docker-archive:${at('ours.tar')}:${name}`, `oci-archive:${at('oci-all.tar')}:${full}`]) {
        const config = await good(run('skopeo', ['inspect', '--config', '--raw', source]));
        assert.equal(digestOf(config), idOf(image), source);
      }
    }
    const copied = `docker-archive:${at('skopeo.tar')}:example.com/x:1`;
    await good(run('skopeo', ['copy', '-q', `oci-archive:${at('oci-all.tar')}:docker.io/library/debian:12`, copied]));
    const root = await freshRoot(t, at('skopeo.tar'));
    assert.deepEqual(sorted(await tsimage(root, ...rows.slice(1))), [`example.com/x:1 ${idOf(debian)}`]);
    const layout = await freshRoot(t, at('oci-all.tar'));
    assert.deepEqual(sorted(await tsimage(layout, ...rows.slice(1))), [...expected].sort());
  });

  await t.test('what dockerd wrote is saved, while it runs too', async (t) => {
    await tsimage(peer.root, 'save', '-o', at('theirs.tar'), ...names);
    const root = await freshRoot(t, at('theirs.tar'));
    assert.deepEqual(listLayers(root).sort(), listLayers(ours).sort());
    await peer.stop();
    checkStore(peer.root, { leftovers: true });
  });
});
