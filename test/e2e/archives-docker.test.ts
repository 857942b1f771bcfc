/** Archives by docker, podman, skopeo and umoci: pulled here, and compared with what `docker load` makes of them. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Image } from '../../fixtures/registry/image.js';
import { serializeRepositories } from '../../store/images/repositories.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { listLayers } from '../../store/layers/layer-db.js';
import { chainIdsOf, type DiffId, digestOf } from '../../store/oci/digest.js';
import { cli } from '../support/cli.js';
import { type Dockerd, dockerdNeeds, run, startDockerd } from '../support/dockerd.js';
import { packFiles, savedFiles } from '../support/image-archives.js';
import { layerFacts, layerTree, mergedTree, tarSplit } from '../support/layer-compare.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { tempDir } from '../support/temp.js';
import { debianImage } from './debian-image.js';
import { busyboxImage, siblingImage } from './images.js';

const skip = missing(...dockerdNeeds, 'busybox', 'dpkg', 'podman', 'skopeo', 'umoci');

const names = ['busybox:1', 'other.host:5000/a/busybox:2', 'sibling:1', 'debian:12'];
const idOf = (image: Image): string => digestOf(image.config);

async function must(program: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(program, args);
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function docker(daemon: Dockerd, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await daemon.docker(args);
  assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Pulls into a fresh root and checks all of it. */
async function pulled(t: TestContext, ...sources: string[]): Promise<string> {
  const root = join(tempDir(t), 'data');
  const { status, stderr } = await cli('tspull', root, sources);
  assert.equal(status, 0, `${sources}: ${stderr}`);
  checkStore(root);
  return root;
}

/** Serialized: dockerd makes an empty file where nothing has a name. */
const repositories = (root: string): string => serializeRepositories(readRepositories(root));
const imageFiles = (root: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(join(root, 'image/overlay2/imagedb/content/sha256'))
      .sort()
      .map((id) => [id, readFileSync(join(root, 'image/overlay2/imagedb/content/sha256', id), 'utf8')]),
  );
const idsIn = (root: string) =>
  readdirSync(join(root, 'image/overlay2/imagedb/content/sha256')).map((id) => `sha256:${id}`);

test('archives of every kind, as docker load takes them', { skip }, async (t) => {
  const since = Date.now();
  const dir = tempDir(t);
  const [busybox, sibling, debian] = [busyboxImage(), siblingImage(), await debianImage()];
  const at = (name: string) => join(dir, name);
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
  const peer = await startDockerd(t, { root: at('first') });
  await docker(peer, 'load', '-i', at('first.tar'));
  await docker(peer, 'save', '-o', at('all.tar'), ...names);
  await docker(peer, 'save', '-o', at('one.tar'), 'busybox:1');
  await docker(peer, 'save', '-o', at('small.tar'), 'busybox:1', 'sibling:1');
  await docker(peer, 'save', '-o', at('id.tar'), idOf(sibling));

  await t.test('docker save: the same root, path by path, as docker load makes', async (t) => {
    for (const archive of ['all.tar', 'id.tar']) {
      const theirs = at(`theirs-${archive}`);
      const loading = await startDockerd(t, { root: theirs });
      await docker(loading, 'load', '-i', at(archive));
      await loading.stop();
      const ours = await pulled(t, `docker-archive:${at(archive)}`);
      assert.equal(repositories(ours), repositories(theirs), archive);
      assert.deepEqual(imageFiles(ours), imageFiles(theirs), archive);
      assert.deepEqual(listLayers(ours).sort(), listLayers(theirs).sort(), archive);
      for (const chainId of listLayers(ours)) {
        assert.deepEqual(layerTree(ours, chainId, since), layerTree(theirs, chainId, since));
        assert.deepEqual(layerFacts(ours, chainId), layerFacts(theirs, chainId));
        assert.deepEqual(tarSplit(ours, chainId), tarSplit(theirs, chainId));
      }
      if (archive !== 'all.tar') continue;
      for (const image of [busybox, debian]) {
        const top = chainIdsOf(image.diffIds as readonly string[] as DiffId[]).at(-1);
        assert.ok(top);
        assert.deepEqual(mergedTree(ours, top, since), mergedTree(theirs, top, since));
      }
      for (const kind of ['diffid-by-digest', 'v2metadata-by-diffid'])
        assert.deepEqual(readdirSync(join(ours, 'image/overlay2/distribution', kind, 'sha256')), []);
    }
  });

  await t.test('dockerd takes over a root of archives: lists, runs, saves', async (t) => {
    const root = await pulled(t, `docker-archive:${at('all.tar')}`);
    const daemon = await startDockerd(t, { root });
    const listed = await docker(daemon, 'image', 'ls', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}');
    const expected = [
      [busybox, names[0]],
      [busybox, names[1]],
      [sibling, names[2]],
      [debian, names[3]],
    ] as const;
    assert.deepEqual(
      listed.trim().split('\n').sort(),
      expected.map(([image, name]) => `${name} ${idOf(image)}`).sort(),
    );
    const script = 'cat opaque/above changed last; ls -d hidden 2>/dev/null || echo hidden';
    assert.equal(
      await docker(daemon, 'run', '--rm', '--network=none', 'busybox:1', 'sh', '-c', script),
      'abovesecondlasthidden\n',
    );
    await docker(daemon, 'save', '-o', at('again.tar'), 'debian:12');
    await daemon.stop();
    assert.deepEqual(idsIn(await pulled(t, `docker-archive:${at('again.tar')}`)), [idOf(debian)]);
    checkStore(root, { leftovers: true });
    const ran = await cli('tsrun', root, ['--rm', 'debian:12', 'bash', '-c', 'perl -e "print 6*7"']);
    assert.equal(ran.stdout, '42', ran.stderr);
  });

  await t.test('a running daemon', async () => {
    const env = { DOCKER_HOST: peer.host };
    const root = at('from-daemon');
    const pull = (...args: string[]) => cli('tspull', root, args, { env });
    const first = await pull('docker-daemon:busybox:1', 'docker-daemon:debian:12');
    assert.equal(first.stdout, 'docker.io/library/busybox:1\ndocker.io/library/debian:12\n', first.stderr);
    checkStore(root);
    assert.deepEqual(idsIn(root).sort(), [idOf(busybox), idOf(debian)].sort());
    assert.match((await pull('docker-daemon:busybox:1')).stderr, /Status: Image is up to date for busybox:1/);
    const byId = await pull('-q', `docker-daemon:${idOf(sibling)}`);
    assert.equal(byId.stdout, `${idOf(sibling)}\n`, byId.stderr);
    const gone = await pull('docker-daemon:nothing:1');
    assert.equal(gone.status, 1);
    assert.match(gone.stderr, /No such image: nothing:1/);
    const own = await cli('tspull', peer.root, ['docker-daemon:busybox:1', 'docker-archive:one.tar'], {
      env,
      cwd: dir,
    });
    assert.match(
      own.stderr,
      /up to date for busybox:1[\s\S]*up to date for busybox:1/,
      'what is there needs no writing',
    );
    const busy = await cli('tspull', peer.root, ['docker-archive:one.tar:@0', 'docker-archive:-'], {
      env,
      cwd: dir,
      input: readFileSync(at('one.tar')),
    });
    assert.match(busy.stderr, /a Docker daemon is running on the data root/);
    checkStore(root);
  });

  await t.test('podman save', async (t) => {
    const store = ['--root', at('podman'), '--runroot', at('podman-run'), '--storage-driver', 'vfs'];
    const podman = (...args: string[]) => must('podman', ...store, ...args);
    await podman('load', '-q', '-i', at('small.tar'));
    await podman('save', '-q', '-o', at('podman-docker.tar'), 'localhost/sibling:1');
    await podman('save', '-q', '-m', '-o', at('podman-many.tar'), 'localhost/busybox:1', 'localhost/sibling:1');
    await podman('save', '-q', '--format', 'oci-archive', '-o', at('podman-oci.tar'), 'localhost/busybox:1');
    await podman('save', '-q', '--format', 'oci-dir', '-o', at('podman-oci'), 'localhost/sibling:1');
    const root = await pulled(
      t,
      `docker-archive:${at('podman-docker.tar')}`,
      `docker-archive:${at('podman-many.tar')}`,
    );
    assert.deepEqual(idsIn(root).sort(), [busybox, sibling].map(idOf).sort());
    assert.deepEqual(Object.keys(JSON.parse(repositories(root)).Repositories), [
      'localhost/busybox',
      'localhost/sibling',
    ]);
    // As OCI the configs are written anew; podman tells which id they have then.
    for (const [source, name] of [
      [`oci-archive:${at('podman-oci.tar')}`, 'localhost/busybox:1'],
      [`oci:${at('podman-oci')}`, 'localhost/sibling:1'],
    ] as const) {
      const layout = await pulled(t, source);
      const config = await must('skopeo', 'inspect', '--config', '--raw', source);
      assert.deepEqual(idsIn(layout), [digestOf(config)]);
      assert.ok(repositories(layout).includes(`"${name}":`), repositories(layout));
    }
  });

  await t.test('skopeo copy', async (t) => {
    const copy = (target: string) => must('skopeo', 'copy', `docker-archive:${at('one.tar')}`, target);
    await copy(`docker-archive:${at('skopeo.tar')}:example.com/x:1`);
    await copy(`oci:${at('skopeo-layout')}:16.04`);
    await copy(`oci-archive:${at('skopeo-oci.tar')}:example.com/y:2`);
    const root = await pulled(t, `docker-archive:${at('skopeo.tar')}`);
    assert.deepEqual(idsIn(root), [idOf(busybox)]);
    for (const [source, name] of [
      [`oci:${at('skopeo-layout')}:16.04`, 'skopeo-layout:16.04'],
      [`oci-archive:${at('skopeo-oci.tar')}`, 'example.com/y:2'],
    ] as const) {
      const layout = await pulled(t, source);
      assert.deepEqual(idsIn(layout), [digestOf(await must('skopeo', 'inspect', '--config', '--raw', source))]);
      assert.ok(repositories(layout).includes(`"${name}":`), repositories(layout));
      assert.deepEqual(listLayers(layout).sort(), listLayers(root).sort());
    }
  });

  await t.test('umoci', async (t) => {
    const layout = at('umoci');
    await must('umoci', 'init', '--layout', layout);
    await must('umoci', 'new', '--image', `${layout}:built`);
    await must('umoci', 'insert', '--image', `${layout}:built`, '/usr/bin/busybox', '/bin/sh');
    await must('umoci', 'insert', '--image', `${layout}:built`, '/etc/hostname', '/etc/name');
    await must('umoci', 'config', '--image', `${layout}:built`, '--config.cmd', '/bin/sh');
    const root = await pulled(t, `oci:${layout}:built`);
    assert.deepEqual(idsIn(root), [
      digestOf(await must('skopeo', 'inspect', '--config', '--raw', `oci:${layout}:built`)),
    ]);
    const ran = await cli('tsrun', root, ['--rm', 'umoci:built', '/bin/sh', '-c', 'echo umoci']);
    assert.equal(ran.stdout, 'umoci\n', ran.stderr);
    const daemon = await startDockerd(t, { root });
    assert.equal(
      await docker(daemon, 'run', '--rm', '--network=none', 'umoci:built', '/bin/sh', '-c', 'echo docker'),
      'docker\n',
    );
    await docker(daemon, 'save', '-o', at('umoci.tar'), 'umoci:built');
    await daemon.stop();
  });
  await peer.stop();
});
