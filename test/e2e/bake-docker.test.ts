/** Images put into the root of a stopped dockerd, handed over to a running one, and taken out of its root again. */
import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pull, pullAll } from '../../src/pull/pull.js';
import { digestOf } from '../../store/oci/digest.js';
import { idOf, one } from '../support/archive-fixture.js';
import { cli } from '../support/cli.js';
import { dockerdNeeds, startDockerd } from '../support/dockerd.js';
import { packFiles, savedFiles } from '../support/image-archives.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { checkStore } from '../support/store-state.js';
import { tempDir } from '../support/temp.js';
import { busyboxImage, siblingImage } from './images.js';

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox');

test('a stopped root is baked, a running daemon is handed what is pulled', { skip, timeout: 180_000 }, async (t) => {
  const folder = tempDir(t);
  const root = join(folder, 'docker');
  const registry = await startDockerRegistry(t);
  await registry.push('lib/busybox', '1', busyboxImage());
  await registry.push('lib/sibling', '1', siblingImage());
  const [busybox, sibling] = [`${registry.host}/lib/busybox:1`, `${registry.host}/lib/sibling:1`];

  // A root that dockerd has made, with an image of its own.
  const first = await startDockerd(t, { root });
  const archive = packFiles(savedFiles({ image: one, tags: ['own:1'] }));
  assert.equal((await first.docker(['load'], archive)).status, 0);
  await first.stop();

  await t.test('images of a registry and of another root go into it', async () => {
    const other = join(folder, 'other');
    await pull(busybox, { root: other });
    const baked = await cli('tspull', root, ['-q', sibling, `data-root:${other}:${busybox}`]);
    assert.equal(baked.status, 0, baked.stderr);
    assert.deepEqual(baked.stdout.trim().split('\n'), [sibling, busybox]);
    checkStore(root, { leftovers: true });
  });

  await t.test('what dockerd has is pulled out of its root', async () => {
    const out = join(folder, 'out');
    const [image] = await pullAll(`data-root:${root}:own:1`, { root: out });
    assert.equal(image?.id, idOf(one));
    checkStore(out);
  });

  const daemon = await startDockerd(t, { root });
  const docker = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await daemon.docker(args);
    assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const env = { DOCKER_HOST: daemon.host, TMPDIR: join(folder) };

  await t.test('dockerd lists, runs, saves and pushes them', async () => {
    const listed = await docker('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}');
    assert.deepEqual(listed.trim().split('\n').sort(), [busybox, sibling, 'own:1'].sort());
    assert.equal(await docker('run', '--rm', '--network=none', busybox, 'echo', 'baked'), 'baked\n');
    const saved = join(folder, 'saved.tar');
    await docker('save', '-o', saved, busybox);
    const loaded = await pullAll(`docker-archive:${saved}`, { root: join(folder, 'loaded') });
    assert.deepEqual(
      loaded.map(({ id }) => id),
      [digestOf(busyboxImage().config)],
    );
    await docker('tag', sibling, `${registry.host}/lib/pushed:1`);
    assert.match(await docker('push', `${registry.host}/lib/pushed:1`), /digest: sha256:/);
  });

  await t.test('a running daemon is not written behind its back, but handed the image', async () => {
    await docker('rmi', busybox);
    const refused = await cli('tspull', root, [busybox], { env });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /a Docker daemon is running on the data root.*\n.*--via-daemon/);
    const handed = await cli('tspull', root, ['--via-daemon', '-q', busybox, 'docker-archive:-'], {
      env,
      input: packFiles(savedFiles({ image: one, tags: ['again:1', 'again:2'] })),
    });
    assert.equal(handed.status, 0, handed.stderr);
    assert.deepEqual(handed.stdout.trim().split('\n'), [
      busybox,
      'docker.io/library/again:1',
      'docker.io/library/again:2',
    ]);
    assert.equal(await docker('run', '--rm', '--network=none', busybox, 'echo', 'handed'), 'handed\n');
    for (const tag of ['again:1', 'again:2', 'own:1'])
      assert.equal((await docker('image', 'inspect', '--format', '{{.Id}}', tag)).trim(), idOf(one));
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('tspull-handover')),
      [],
    );
  });

  await t.test('docker load takes a full bundle, and a small one for what the daemon has', async () => {
    const other = join(folder, 'other');
    await pull(sibling, { root: other });
    await docker('rmi', sibling, `${registry.host}/lib/pushed:1`);
    const bundle = async (...args: string[]): Promise<string> => {
      const path = join(folder, `bundle-${args.length}.tar`);
      const { status, stderr } = await cli('tsimage', other, ['bundle', ...args, '-o', path, sibling]);
      assert.equal(status, 0, stderr);
      return path;
    };
    const state = join(folder, 'state.json');
    writeFileSync(state, (await cli('tsimage', root, ['state'])).stdout);
    const [small, full] = [await bundle('--for', state), await bundle()];
    assert.ok(statSync(small).size < statSync(full).size / 2, `${statSync(small).size} bytes`);
    assert.match(await docker('load', '-i', full), new RegExp(`Loaded image: ${sibling}`));
    await docker('rmi', sibling);
    const loaded = await daemon.docker(['load', '-i', small]);
    assert.match(loaded.stdout, new RegExp(`Loaded image: ${sibling}`), loaded.stderr);
    const id = await docker('image', 'inspect', '--format', '{{.Id}}', sibling);
    assert.equal(id.trim(), digestOf(siblingImage().config));
  });

  await t.test('an image without a tag is handed over by its id; one that cannot be had fails alone', async () => {
    await docker('rmi', busybox);
    const { digest } = await pull(busybox, { root: join(folder, 'other') });
    const name = busybox.replace(/:1$/, `@${digest}`);
    const handed = await cli('tspull', root, ['--via-daemon', '-q', `${registry.host}/lib/none:1`, name], { env });
    assert.equal(handed.status, 1);
    assert.equal(handed.stdout.trim(), name);
    await docker('image', 'inspect', digestOf(busyboxImage().config));
  });

  await t.test('no daemon on the root: it is written; no daemon at the socket: nothing is', async () => {
    const wrong = await cli('tspull', '', ['--via-daemon', '--root', root, busybox], {
      env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' },
    });
    assert.match(wrong.stderr, /cannot reach the Docker daemon at unix:\/\/\/nowhere\/docker.sock: ENOENT/);
    const free = join(folder, 'free');
    const direct = await cli('tspull', free, ['--via-daemon', '-q', busybox], { env });
    assert.equal(direct.status, 0, direct.stderr);
    checkStore(free);
  });

  await daemon.stop();
  checkStore(root, { leftovers: true });
});
