/** Who may import whom, where each package is used, and how large a file may grow: docs/architecture.md tells why. */
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import { type Import, importsOf, sourcesBelow } from './support/sources.js';

const anyone = ['store/errors.ts', 'store/printable.ts'];

/** Room → what it may import besides itself and what {@link anyone} may. A room is a folder with all below it, or one file. */
const rooms: Record<string, readonly string[]> = {
  'store/errors.ts': [],
  'store/printable.ts': [],
  'store/linux': [],
  'store/oci': ['store/linux/sha256.ts'],
  'store/fs': ['store/linux'],
  'store/overlay2': ['store/fs', 'store/linux', 'store/oci'],
  'store/tar': ['store/fs', 'store/linux', 'store/oci'],
  'store/archive': ['store/fs', 'store/oci', 'store/tar'],
  'store/images': ['store/data-root.ts', 'store/fs', 'store/oci', 'store/layers'],
  'store/data-root.ts': ['store/fs'],
  'store/io-failure.ts': [],
  'store/layers': ['store/data-root.ts', 'store/fs', 'store/linux', 'store/oci', 'store/overlay2'],
  'store/upkeep': [
    'store/data-root.ts',
    'store/fs',
    'store/images',
    'store/layers',
    'store/linux',
    'store/oci',
    'store/overlay2',
    'store/tar',
  ],
  'store/store.ts': ['store/data-root.ts', 'store/fs', 'store/images', 'store/layers'],
  'src/reference.ts': ['store/oci'],
  'src/registry': ['src/reference.ts', 'store/oci'],
  'src/template': ['store/oci', 'store/images'],
  'src/containers': ['store'],
  'src/images': ['src/reference.ts', 'src/template', 'store'],
  'src/pull': ['src/reference.ts', 'src/registry', 'store'],
  'src/fsck': ['src/reference.ts', 'src/registry', 'src/pull', 'store'],
  'src/import': ['src/reference.ts', 'src/registry', 'src/life', 'src/pull', 'store'],
  'src/login': ['src/registry', 'store'],
  'src/push': ['src/reference.ts', 'src/registry', 'src/images', 'src/pull', 'store'],
  'src/run': ['src/containers', 'store'],
  'src/supervisor': ['src/containers', 'src/run', 'store'],
  'src/life': ['src/reference.ts', 'src/containers', 'src/run', 'src/supervisor/spawn-supervisor.ts', 'store'],
  'src/views': ['src/containers', 'src/images', 'src/run', 'src/template', 'store'],
  'src/library': [
    'src/containers',
    'src/fsck',
    'src/images',
    'src/life',
    'src/pull',
    'src/run',
    'src/template',
    'store',
  ],
  'src/index.ts': [
    'src/containers',
    'src/import',
    'src/library',
    'src/life',
    'src/pull',
    'src/push',
    'src/run',
    'store/errors.ts',
    'store/oci',
  ],
  'src/cli': ['src', 'store'],
};

/** Package → the only files or folders that may import it, so that replacing it is a local change. */
const homes: Record<string, string | readonly string[]> = {
  commander: 'src/cli',
  fzstd: 'store/tar/zstd.ts',
  got: 'src/registry/http.ts',
  koffi: 'store/linux',
  ora: 'src/cli',
  'p-limit': ['src/pull', 'src/push'],
  'smol-toml': 'src/registry/mirrors/toml-document.ts',
  'tar-stream': 'store/tar/entries.ts',
};

const maxLines = 300;
/** Tables of constants or of cases. */
const tables = ['test/e2e/run-cases.ts', 'test/src/template/cases.ts', 'test/store/tar/accepted-layers.ts'];

const isIn = (path: string, room: string): boolean => path === room || path.startsWith(`${room}/`);
const roomOf = (path: string): string | undefined => Object.keys(rooms).find((room) => isIn(path, room));
const isPackage = ({ specifier }: Import): boolean => !specifier.startsWith('.');

const sources = sourcesBelow('src', 'store');
const imports = sources.flatMap(importsOf);

test('every source file belongs to a room of the table', () => {
  assert.deepEqual(
    sources.map(({ path }) => path).filter((path) => roomOf(path) === undefined),
    [],
  );
});

test('imports point downward only', () => {
  const wrong = imports
    .filter((it) => !isPackage(it))
    .filter(({ from, to }) => {
      const room = roomOf(from) ?? '';
      return ![room, ...anyone, ...(rooms[room] ?? [])].some((allowed) => isIn(to, allowed));
    })
    .map(({ from, to }) => `${from} may not import ${to}`);
  assert.deepEqual(wrong, []);
});

test('each package has one home', () => {
  const wrong = imports
    .filter(isPackage)
    .filter(({ from, to }) => ![homes[to] ?? []].flat().some((home) => isIn(from, home)))
    .map(({ from, to }) => `${from} may not import ${to}`);
  assert.deepEqual(wrong, []);
});

test('module specifiers of our own files end in .js', () => {
  const wrong = imports.filter((it) => !isPackage(it) && !it.specifier.endsWith('.js'));
  assert.deepEqual(wrong, []);
});

test('a file is one idea: no file is long, and none is named after nothing', () => {
  const all = [...sources, ...sourcesBelow('fixtures', 'test')];
  const long = all
    .filter(({ path }) => !tables.includes(path))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > maxLines);
  assert.deepEqual(long, []);
  const nameless = all.filter(({ path }) => /^(utils?|helpers?|common|misc|types)\.ts$/.test(basename(path)));
  assert.deepEqual(
    nameless.map(({ path }) => path),
    [],
  );
});

test('only the programs print', () => {
  // A container with a terminal owns the terminal of the caller while it runs.
  const printers = ['src/cli', 'src/run/tty'];
  const wrong = sources
    .filter(
      ({ path, text }) =>
        !printers.some((room) => isIn(path, room)) && /\bconsole\.\w+\(|process\.(stdout|stderr)\.write/.test(text),
    )
    .map(({ path }) => path);
  assert.deepEqual(wrong, []);
});
