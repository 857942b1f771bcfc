/** The short way of a pull that finds everything up to date: it says what the full program says, or leaves it to that. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addImage } from '../../../fixtures/registry/contents.js';
import { on, status } from '../../../fixtures/registry/faults.js';
import { buildImage } from '../../../fixtures/registry/image.js';
import { sayUpToDate } from '../../../src/cli/up-to-date.js';
import { lastUse, recordUse } from '../../../store/images/last-use.js';
import { digestOf, type ImageId } from '../../../store/oci/digest.js';
import { cli } from '../../support/cli.js';
import { run } from '../../support/dockerd.js';
import { contentsWith, repository, serve } from '../../support/registry.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

const image = buildImage({ layers: [tar(file('a')), tar(file('b'))], compression: 'none' });
const fullProgram = fileURLToPath(new URL('../../../src/cli/pull-program.js', import.meta.url));

async function prepare(t: TestContext) {
  const contents = contentsWith(image);
  addImage(contents, repository, 'latest', image);
  let refuses = false;
  const fault = on(/manifests/, (question, answer, response) =>
    refuses ? status(403)(question, answer, response) : answer,
  );
  const registry = await serve(t, { contents, fault });
  const root = join(tempDir(t), 'root');
  const etc = tempDir(t);
  const env = { TSPULL_CONFIG_DIR: etc, HOME: etc, XDG_CONFIG_HOME: '' };
  const name = `${registry.host}/${repository}:1`;
  assert.equal((await cli('tspull', root, [name, name.slice(0, -2)], { env })).status, 0);
  return {
    registry,
    contents,
    root,
    etc,
    name,
    refuse: () => {
      refuses = true;
    },
    short: (args: readonly string[]) => cli('tspull', root, args, { env }),
    full: (args: readonly string[]) =>
      run(process.execPath, [fullProgram, ...args], { env: { ...process.env, ...env, TSPULL_ROOT: root } }),
  };
}

/** Both ways, and how many requests the short one made: one, or none for a digest, where it went all the way. */
async function compare({ short, full, registry }: Awaited<ReturnType<typeof prepare>>, args: readonly string[]) {
  const before = registry.requests.length;
  const result = await short(args);
  const requests = registry.requests.slice(before).map(({ method }) => method);
  assert.deepEqual(result, await full(args), args.join(' '));
  return { ...result, requests };
}

test('what is up to date is told as the full program tells it, by one request', async (t) => {
  const setting = await prepare(t);
  const { name } = setting;
  const bare = name.slice(0, -2);
  for (const args of [
    [name],
    [bare],
    [`docker://${name}`],
    ['-q', name],
    [name, '--quiet'],
    ['--root', setting.root, name],
  ]) {
    const { status, requests } = await compare(setting, args);
    assert.deepEqual({ status, requests }, { status: 0, requests: ['HEAD'] }, args.join(' '));
  }
  const { requests, stderr } = await compare(setting, [`${bare}@${digestOf(image.manifest.bytes)}`]);
  assert.deepEqual(requests, []);
  assert.match(stderr, /Image is up to date/);
});

test('it counts as a use of the image, as in the full program', async (t) => {
  const { root, name, short, full } = await prepare(t);
  const id = digestOf(image.config) as string as ImageId;
  for (const program of [short, full]) {
    recordUse(root, id, new Date(0));
    assert.equal((await program([name])).status, 0);
    assert.ok((lastUse(root, id) ?? 0) > 0);
  }
});

test('everything else is left to the full program', async (t) => {
  const setting = await prepare(t);
  const { name, registry } = setting;
  const before = registry.requests.length;
  const unusual = [
    [],
    [''],
    ['-'],
    ['--version'],
    ['--help'],
    ['--root'],
    [name, name],
    ['--json', name],
    [`${name}:bad`],
    ['oci:/nonexistent'],
    ['--root', join(setting.root, 'other'), name],
    [name.replace(':1', ':2')],
  ];
  for (const args of unusual) assert.equal(await sayUpToDate(['--root', setting.root, ...args]), false, args.join(' '));
  assert.equal(registry.requests.length, before);
  for (const args of [[''], ['--version'], ['--root'], [`${name}:bad`], [name.replace(':1', ':2')]])
    await compare(setting, args);
});

test('a damaged store and a registry that refuses end as they do in the full program', async (t) => {
  const setting = await prepare(t);
  const { root, name } = setting;
  const names = join(root, 'image/overlay2/repositories.json');
  const text = readFileSync(names);
  writeFileSync(names, '{');
  assert.match((await compare(setting, [name])).stderr, /is damaged/);
  writeFileSync(names, text);
  setting.refuse();
  assert.notEqual((await compare(setting, [name])).status, 0);
});

test('an image that is damaged is pulled again', async (t) => {
  const { root, name, short, registry } = await prepare(t);
  for (const folder of ['layerdb/sha256', 'imagedb/content/sha256']) {
    const path = join(root, 'image/overlay2', folder);
    const [first = ''] = readdirSync(path);
    rmSync(join(path, first), { recursive: true });
    const fetches = async () => {
      const before = registry.requests.length;
      const result = await short([name]);
      assert.equal(result.status, 0, result.stderr);
      return registry.requests.slice(before).filter(({ method }) => method === 'GET').length;
    };
    assert.notEqual(await fetches(), 0, folder);
    assert.equal(await fetches(), 0, folder);
  }
});

test('a tag that has moved is pulled', async (t) => {
  const { contents, name, short } = await prepare(t);
  addImage(contents, repository, '1', buildImage({ layers: [tar(file('c'))], compression: 'none' }));
  assert.match((await short([name])).stderr, /Downloaded newer image/);
  assert.match((await short([name])).stderr, /Image is up to date/);
});

test('a registry that the machine has configured is for the full program', async (t) => {
  const setting = await prepare(t);
  const { etc, name, registry } = setting;
  const conf = join(etc, 'containers/registries.conf');
  mkdirSync(join(etc, 'containers'));
  const count = async () => {
    const before = registry.requests.length;
    await compare(setting, [name]);
    return registry.requests.length - before;
  };
  writeFileSync(conf, `# comments\n[aliases]\n"registry" = "docker.io/library/registry"\n`);
  assert.equal(await count(), 2);
  writeFileSync(conf, `[[registry]]\nprefix = "${registry.host}"\nblocked = true\n`);
  assert.equal(await count(), 0);
});
