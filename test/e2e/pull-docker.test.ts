/** A data root that tspull wrote, in the hands of a real dockerd. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Image } from '../../fixtures/registry/image.js';
import { chainIdsOf, type DiffId, digestOf } from '../../store/oci/digest.js';
import { cli } from '../support/cli.js';
import { dockerdNeeds, run, startDockerd } from '../support/dockerd.js';
import { touchedLayers } from '../support/layer-compare.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { checkStore } from '../support/store-state.js';
import { tempDir } from '../support/temp.js';
import { debianImage } from './debian-image.js';
import { busyboxImage, siblingImage } from './images.js';

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox', 'dpkg');

const topOf = (image: Image) => {
  const top = chainIdsOf(image.diffIds as readonly string[] as DiffId[]).at(-1);
  assert.ok(top);
  return top;
};

test('dockerd takes over a root that tspull wrote', { skip }, async (t) => {
  const registry = await startDockerRegistry(t);
  const images: [name: string, tag: string, image: Image][] = [
    ['lib/busybox', '1', busyboxImage()],
    ['lib/sibling', '1', siblingImage()],
    ['lib/debian', '12', await debianImage()],
  ];
  for (const [name, tag, image] of images) await registry.push(name, tag, image);
  const names = images.map(([name, tag]) => `${registry.host}/${name}:${tag}`);
  const [busybox = '', , debian = ''] = names;
  const dir = tempDir(t);
  const root = join(dir, 'data');
  const pulled = await cli('tspull', root, ['-q', ...names]);
  assert.equal(pulled.stderr, '');
  assert.deepEqual(pulled.stdout.trim().split('\n'), names);
  checkStore(root);

  const daemon = await startDockerd(t, { root });
  const docker = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await daemon.docker(args);
    assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  await t.test('lists and inspects the images as tsimage does', async () => {
    for (const args of [
      ['ls', '--digests', '--no-trunc'],
      ['inspect', ...names],
      ['history', '--no-trunc', busybox],
    ]) {
      const ours = await cli('tsimage', root, args);
      const sorted = (text: string) => (args[0] === 'ls' ? text.split('\n').sort() : text);
      assert.deepEqual(sorted(ours.stdout), sorted(await docker('image', ...args)));
    }
    for (const [index, [, , image]] of images.entries()) {
      const [shown] = JSON.parse(await docker('image', 'inspect', names[index] ?? ''));
      assert.equal(shown.Id, digestOf(image.config));
      assert.deepEqual(shown.RootFS.Layers, image.diffIds);
    }
  });

  await t.test('runs them: files, changed files, whiteouts', async () => {
    const look = [
      'cat opaque/above changed gone/back becomes-dir/y becomes-file last',
      'ls -d hidden gone-link opaque/below 2>&1 | sort',
      'ls opaque',
      'stat -c "%a %u:%g %Y" odd odd/setuid changed opaque',
      'test odd/link-2 -ef odd/linked && echo linked',
      'readlink odd/dangling',
      'stat -c "%F %t,%T" odd/char odd/block odd/fifo',
    ].join('; ');
    assert.equal(
      await docker('run', '--rm', '--network=none', busybox, 'sh', '-c', look),
      [
        'abovesecondas a directoryyfile nowlastls: gone-link: No such file or directory',
        'ls: hidden: No such file or directory',
        'ls: opaque/below: No such file or directory',
        'above',
        '2775 33:44 1234567890',
        '6755 0:0 1000000000',
        '600 12:0 1000000000',
        '711 0:0 1600000000',
        'linked',
        '../../../nowhere',
        'character special file 1,3',
        'block special file 7,12c',
        'fifo 0,0',
        '',
      ].join('\n'),
    );
    const script = 'ls /usr/share/doc; cat /etc/hostname; test -e /etc/issue || echo no issue; perl -e "print 6*7"';
    const listed = await docker('run', '--rm', '--network=none', '-h', 'debian', debian, 'bash', '-c', script);
    assert.equal(listed, 'README\ndebian\nno issue\n42');
  });

  await t.test('saves every layer bit for bit', async () => {
    for (const [index, [, , image]] of images.entries()) {
      const folder = join(dir, `saved-${index}`);
      mkdirSync(folder);
      await docker('save', '-o', `${folder}.tar`, names[index] ?? '');
      assert.equal((await run('tar', ['-xf', `${folder}.tar`, '-C', folder])).status, 0);
      const [{ Layers, Config }] = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
      const digests = Layers.map((path: string) => digestOf(readFileSync(join(folder, path))));
      assert.deepEqual(digests, image.diffIds);
      assert.deepEqual(readFileSync(join(folder, Config)), image.config);
    }
  });

  await t.test('has nothing to pull', async () => {
    for (const name of names) assert.match(await docker('pull', name), /Status: Image is up to date for /);
  });

  await t.test('pushes to another repository, with the layers mounted from where they came', async () => {
    const copy = `${registry.host}/other/busybox:2`;
    await docker('tag', busybox, copy);
    assert.match(await docker('push', copy), /Mounted from lib\/busybox/);
    const manifest = JSON.parse(String(await registry.manifest('other/busybox', '2')));
    assert.equal(manifest.config.digest, digestOf(images[0]?.[2].config ?? ''));
    const again = join(dir, 'again');
    assert.equal((await cli('tspull', again, [copy])).status, 0);
    checkStore(again);
  });

  await t.test('leaves a root that is as good as before', async () => {
    await daemon.stop();
    for (const [, , image] of images) assert.deepEqual(touchedLayers(root, topOf(image)), []);
    checkStore(root, { leftovers: true });
    const shown = await cli('tsrun', root, ['--rm', debian, 'cat', '/etc/hostname', '/usr/share/doc/README']);
    assert.equal(shown.stdout.split('\n').at(-2), 'documents are left out', shown.stderr);
    const listed = await cli('tsimage', root, ['ls', '-q', '--filter', 'reference=*/other/busybox']);
    assert.equal(listed.stdout.trim().length, 12);
    const same = await cli('tspull', root, [busybox]);
    assert.match(same.stderr, /Status: Image is up to date/);
  });
});
