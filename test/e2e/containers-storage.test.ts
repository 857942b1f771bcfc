/** Images out of the store of podman and skopeo, taken without podman. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readRepositories } from '../../store/images/repositories-file.js';
import { setXattr } from '../../store/linux/xattr.js';
import { dockerArchive, idOf, one, packed } from '../support/archive-fixture.js';
import { cli } from '../support/cli.js';
import { run } from '../support/dockerd.js';
import { layoutFiles, savedFiles, writeFiles } from '../support/image-archives.js';
import { missing } from '../support/needs.js';
import { checkStore } from '../support/store-state.js';
import { tempDir } from '../support/temp.js';
import { describeTree } from '../support/tree.js';

const skip = missing('root', 'podman', 'skopeo');

interface Storage {
  graphRoot: string;
  /** `[overlay@…+…]` */
  specifier: string;
  podman: (...args: string[]) => Promise<string>;
}

function storage(t: TestContext): Storage {
  const home = tempDir(t);
  const [graphRoot, runRoot] = [join(home, 'graph'), join(home, 'run')];
  const options = ['--root', graphRoot, '--runroot', runRoot, '--storage-driver', 'overlay'];
  t.after(() => execFileSync('podman', [...options, 'unmount', '--all', '--force'], { stdio: 'ignore' }));
  return {
    graphRoot,
    specifier: `[overlay@${graphRoot}+${runRoot}]`,
    async podman(...args) {
      const { status, stdout, stderr } = await run('podman', [...options, ...args]);
      assert.equal(status, 0, `podman ${args.join(' ')}: ${stderr}`);
      return stdout.trim();
    },
  };
}

async function pulled(root: string, source: string): Promise<string> {
  const { status, stdout, stderr } = await cli('tspull', root, ['-q', source]);
  assert.equal(status, 0, stderr);
  checkStore(root);
  return stdout.trim();
}

/** Whiteouts, links, attributes, special bits: what a build makes. */
function contextOf(t: TestContext): string {
  const context = tempDir(t);
  const files = join(context, 'files');
  mkdirSync(join(files, 'etc'), { recursive: true });
  writeFileSync(join(files, 'etc/a'), 'a'.repeat(100_000));
  linkSync(join(files, 'etc/a'), join(files, 'etc/hard'));
  symlinkSync('/etc/a', join(files, 'etc/soft'));
  writeFileSync(join(files, 'etc/tool'), 'tool', { mode: 0o4755 });
  setXattr(join(files, 'etc/tool'), 'user.note', Buffer.from('yes'));
  execFileSync('tar', ['-C', files, '--xattrs', '-cf', join(context, 'base.tar'), '.']);
  writeFileSync(join(context, 'Containerfile'), 'FROM localhost/base:1\nADD more.tar /\nCOPY Containerfile /new/\n');
  rmSync(files, { recursive: true });
  mkdirSync(join(context, 'more/etc'), { recursive: true });
  writeFileSync(join(context, 'more/etc/b'), 'b');
  execFileSync('tar', ['-C', join(context, 'more'), '-cf', join(context, 'more.tar'), '.']);
  return context;
}

test('what podman built and committed is the same image here, layer by layer', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { graphRoot, specifier, podman } = storage(t);
  const context = contextOf(t);
  await podman('import', '-q', join(context, 'base.tar'), 'base:1');
  const id = (await podman('build', '-q', '-t', 'built:2', context)).split('\n').at(-1);
  const root = join(tempDir(t), 'root');
  assert.equal(await pulled(root, `containers-storage:${specifier}built:2`), 'localhost/built:2');
  const listed = await cli('tsimage', root, ['ls', '-q', '--no-trunc']);
  assert.equal(listed.stdout.trim(), `sha256:${id}`);
  // Under the digest that podman gives it, too.
  const digest = await podman('image', 'inspect', '--format', '{{.Digest}}', 'built:2');
  assert.deepEqual(
    [...(readRepositories(root).get('localhost/built')?.keys() ?? [])],
    ['localhost/built:2', `localhost/built@${digest}`],
  );
  const again = await cli('tspull', root, [`containers-storage:${specifier}${id?.slice(0, 12)}`]);
  assert.match(again.stderr, /Image is up to date/);
  // The archive that podman makes of it is the one that tsimage makes of ours: the layers are equal bit for bit.
  const archive = join(context, 'podman.tar');
  await podman('save', '-q', '--format', 'docker-archive', '-o', archive, 'built:2');
  const loaded = join(tempDir(t), 'root');
  await pulled(loaded, `docker-archive:${archive}`);
  const layers = (path: string) => describeTree(join(path, 'image/overlay2/imagedb/content'), { times: false });
  assert.deepEqual(layers(root), layers(loaded));
  await pulled(root, `containers-storage:[${graphRoot}]localhost/base:1`);
});

test('what skopeo copied: gzip layers, several names, an id', { skip, timeout: 120_000 }, async (t) => {
  const { specifier, podman } = storage(t);
  const layout = writeFiles(
    join(tempDir(t), 'layout'),
    layoutFiles({ image: packed, annotations: { 'org.opencontainers.image.ref.name': '1' } }),
  );
  const copied = await run('skopeo', [
    'copy',
    '-q',
    '--insecure-policy',
    `oci:${layout}:1`,
    `containers-storage:${specifier}host.example/a/packed:1`,
  ]);
  assert.equal(copied.status, 0, copied.stderr);
  const { path } = dockerArchive(t, savedFiles({ image: one, tags: ['one:1'] }));
  await podman('load', '-q', '-i', path);
  await podman('tag', 'one:1', 'quay.io/x/uno:7');
  const root = join(tempDir(t), 'root');
  assert.equal(await pulled(root, `containers-storage:${specifier}host.example/a/packed:1`), 'host.example/a/packed:1');
  assert.equal(await pulled(root, `containers-storage:${specifier}quay.io/x/uno:7`), 'quay.io/x/uno:7');
  assert.equal(await pulled(root, `containers-storage:${specifier}${idOf(one)}`), idOf(one));
  assert.equal(await pulled(root, `containers-storage:${specifier}one:1`), 'localhost/one:1');
  const none = await cli('tspull', root, [`containers-storage:${specifier}none:1`]);
  assert.equal(none.status, 1);
  assert.match(none.stderr, /has no image none:1\n.*it has .*quay\.io\/x\/uno:7/);
});
