/** What comes with the packages that we depend on (N12): none runs at installation but one, and none looks into the environment for secrets. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repository } from '../support/sources.js';

interface Locked {
  dev?: boolean;
  optional?: boolean;
  hasInstallScript?: boolean;
  integrity?: string;
  link?: boolean;
}

const lock = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>;
};
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
const shipped = packages.filter(([, { dev }]) => dev !== true);

/** The names of the environment that code reads. */
function environmentReadBy(folder: string): string[] {
  const names = new Set<string>();
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(c|m)?js$/.test(file) || /(^|\/)(node_modules|test|tests|docs?|vendor)\//.test(file)) continue;
    const text = readFileSync(join(folder, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    for (const [, dot, bracket] of text.matchAll(/\b(?:process\.)?env(?:\.([A-Za-z_]\w*)|\[['"](\w+)['"]\])/g))
      names.add(dot ?? bracket ?? '');
  }
  return [...names].sort();
}

test('every package is pinned by a digest', () => {
  for (const [path, { integrity, link }] of packages) assert.ok(link || integrity?.startsWith('sha512-'), path);
});

test('only koffi has a script at installation, and works without it', () => {
  assert.deepEqual(
    shipped.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path),
    ['node_modules/koffi'],
  );
});

test('what they read of the environment is about terminals and debugging', () => {
  const harmless =
    /^(NO_COLOR|FORCE_COLOR|COLORTERM|TERM|TERM_PROGRAM|TERM_PROGRAM_VERSION|TEAMCITY_VERSION|TF_BUILD|AGENT_NAME|CI|CI_NAME|COLUMNS|LINES|WT_SESSION|NODE_DEBUG|NODE_ENV|DEBUG|TERMINUS_SUBLIME|ConEmuTask|TERMINAL_EMULATOR|[A-Z_]*(ACTIONS|GITLAB|CIRCLE|TRAVIS|APPVEYOR|BUILDKITE|DRONE)[A-Z_]*|READABLE_STREAM|CLICOLOR_FORCE)$/;
  // What koffi reads when it is built from its sources, which nobody asks it to.
  const building = /^(MSYSTEM|MAKEFLAGS|LOCALAPPDATA|APPDATA|XDG_CACHE_HOME)$/;
  for (const [path, { optional }] of shipped) {
    const folder = join(repository, path);
    // Builds for other machines.
    if (optional && !existsSync(folder)) continue;
    assert.deepEqual(
      environmentReadBy(folder).filter(
        (name) => !harmless.test(name) && !(path.endsWith('/koffi') && building.test(name)),
      ),
      [],
      path,
    );
  }
});
