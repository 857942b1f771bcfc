/** What npm publishes: it installs from its tarball, the programs start, the library loads and its types fit. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { run } from './support/dockerd.js';
import { missing } from './support/needs.js';
import { repository } from './support/sources.js';
import { tempDir } from './support/temp.js';

const skip = missing('npm');
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  version: string;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
};
interface Lock {
  packages: Record<string, { dev?: boolean }>;
}

async function check(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { status, stdout, stderr } = await run(program, args, { cwd });
  assert.equal(status, 0, `${program} ${args.join(' ')}:\n${stdout}${stderr}`);
  return stdout;
}

test('the installed package', { skip, timeout: 180_000 }, async (t) => {
  const prefix = tempDir(t, 'tspull-package-');
  const packed = join(prefix, 'node_modules/tspull');

  before(async () => {
    // Without scripts: no step of an installation may be needed to fetch a binary, and packing must not build under the feet of other tests. `npm test` has built dist/.
    const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', prefix];
    const tarball = (await check('npm', pack, repository)).trim();
    dependOn(prefix, `file:${tarball}`);
    const quiet = ['--no-audit', '--no-fund', '--ignore-scripts'];
    const fromCache = ['--prefer-offline', '--fetch-timeout=20000', '--fetch-retries=1'];
    await check('npm', ['ci', ...quiet, ...fromCache], prefix);
  });

  for (const name of Object.keys(manifest.bin))
    await t.test(`${name} --version`, async () => {
      assert.equal(
        await check(join(prefix, 'node_modules/.bin', name), ['--version'], prefix),
        `${name} version ${manifest.version}\n`,
      );
    });

  await t.test('programs load what they need: a template, a native module', async () => {
    const args = ['--root', join(prefix, 'empty'), 'ls', '--format', '{{.ID}}'];
    assert.equal(await check(join(prefix, 'node_modules/.bin/tsimage'), args, prefix), '');
  });

  await t.test('the library is imported by name', async (t) => {
    const folder = consumer(tempDir(t), packed);
    writeFileSync(
      join(folder, 'main.mjs'),
      "import { images, pull, run } from 'tspull';\nconsole.log(typeof pull, typeof run, images.list({ root: '/nonexistent' }));\n",
    );
    assert.equal(await check(process.execPath, ['main.mjs'], folder), 'function function []\n');
  });

  await t.test('a TypeScript program is checked against its types', async (t) => {
    const folder = consumer(tempDir(t), packed);
    writeFileSync(
      join(folder, 'main.ts'),
      "import { pull, type PulledImage } from 'tspull';\nexport const image: PulledImage = await pull('a', { root: '/r' });\n",
    );
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    const tsc = join(repository, 'node_modules/typescript/bin/tsc');
    await check(process.execPath, [tsc, ...options, '--skipLibCheck', 'false', 'main.ts'], folder);
    writeFileSync(join(folder, 'main.ts'), "import { pull } from 'tspull';\nawait pull(1);\n");
    const { status, stdout } = await run(process.execPath, [tsc, ...options, 'main.ts'], { cwd: folder });
    assert.notEqual(status, 0);
    assert.match(stdout, /'number' is not assignable to parameter of type 'string'/);
  });
});

/**
 * Makes `folder` a project that depends on the package at `place`, and on the versions of this repository's lock file for the rest: npm has them
 * in its cache then, and asks no registry.
 */
function dependOn(folder: string, place: string): void {
  const { packages } = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as Lock;
  const needed = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  const { version, dependencies, bin } = manifest;
  const project = { private: true, dependencies: { tspull: place } };
  const installed = { version, resolved: place, dependencies, bin };
  const lock = {
    lockfileVersion: 3,
    packages: { '': project, 'node_modules/tspull': installed, ...Object.fromEntries(needed) },
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
}

/** A project that depends on the installed package, and has the types of Node as its TypeScript compiler needs them. */
function consumer(folder: string, packed: string): string {
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packed, join(folder, 'node_modules/tspull'));
  symlinkSync(join(repository, 'node_modules/@types'), join(folder, 'node_modules/@types'));
  return folder;
}

test('the lock file holds no download address', () => {
  const lock = readFileSync(join(repository, 'package-lock.json'), 'utf8');
  assert.doesNotMatch(lock, /"resolved"/);
  assert.doesNotMatch(lock, /https?:\/\/[^"]*\.tgz/);
});
