// Compiles the TypeScript tree to build/ (what the tests run) and bundles the programs and the library into dist/
// (what npm publishes). koffi stays a package of its own because it carries a native module.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { planParts } from './bundle-parts.mjs';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(top);

rmSync('build', { recursive: true, force: true });
rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], { stdio: 'inherit' });

/**
 * got takes HTTP/2 from this package, which makes a TLS context as soon as it is loaded: several hundred milliseconds of a pull,
 * for a protocol that is switched off (src/registry/http.ts).
 */
const noHttp2 = {
  name: 'no-http2',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^http2-wrapper$/ }, () => ({ path: 'http2-wrapper', namespace: 'no-http2' }));
    onLoad({ filter: /.*/, namespace: 'no-http2' }, () => ({ contents: 'export default {};' }));
  },
};
/** What CommonJS has instead of `import.meta`. */
const commonJs = { 'import.meta.filename': '__filename', 'import.meta.dirname': '__dirname' };
/** Packages that only some commands need; in the file of a program they would have to be read by all. */
const heavyPackages = ['got', 'ora'];
const heavyPackagesApart = {
  name: 'heavy-packages-apart',
  setup({ onResolve }) {
    const filter = new RegExp(`^(${heavyPackages.join('|')})$`);
    onResolve({ filter }, ({ path }) => ({ path: `./${path}.js`, external: true }));
  },
};
/**
 * Programs whose file is not only a loader, but does the commonest itself with nothing else in it; the rest is a bundle that is loaded
 * when that is not all. Rest by program.
 */
const rests = { tspull: 'pull-program' };
/** In place of the rest stands what loads its bundle. */
const restApart = {
  name: 'rest-apart',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^\\./(${Object.values(rests).join('|')})\\.js$`) }, ({ path }) => ({
      path,
      namespace: 'rest',
    }));
    onLoad({ filter: /.*/, namespace: 'rest' }, ({ path }) => {
      const name = basename(path, '.js');
      const contents = `import {loadBundle} from './load-program.js';loadBundle({file:__dirname+'/programs/${name}.js'});`;
      return { contents, resolveDir: 'build/src/cli' };
    });
  },
};
/** commander can start programs for its subcommands, which ours have none of; child_process brings sockets and streams with it. */
const noChildProcesses = {
  name: 'no-child-processes',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?child_process$/ }, ({ importer }) =>
      /node_modules\/commander\//.test(importer) ? { path: 'child_process', namespace: 'none' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'module.exports = {};' }));
  },
};
const programs = ['tspull', 'tsimage', 'tsrun', 'tscontainer', 'supervisor-main'];
/** What of a program is in one file: what its usual paths need comes in files without the rest. */
const parts = {
  tspull: { 'pull-program': ['src/cli/pull-program'] },
  tsimage: { tsimage: ['src/cli/tsimage'] },
  tsrun: { tsrun: ['src/cli/tsrun'], 'tsrun-detached': ['src/cli/run-supervised'] },
  tscontainer: {
    tscontainer: ['src/cli/tscontainer'],
    'tscontainer-common': ['src/containers/list-containers', 'src/containers/true-state', 'store/store'],
    'tscontainer-ps': ['src/cli/plain-listing'],
    'tscontainer-exec': ['src/cli/container-exec'],
  },
  'supervisor-main': { 'supervisor-main': ['src/supervisor/supervisor-main'] },
};
const partPlugins = [heavyPackagesApart, noHttp2, noChildProcesses];
const planned = await Promise.all(
  Object.entries(parts).map(async ([program, modules]) => {
    const options = { platform: 'node', format: 'cjs', external: ['koffi'], define: commonJs, plugins: partPlugins };
    const bundles = await planParts(build, modules, options);
    return bundles.map((options) => ({ ...options, program }));
  }),
);
const sourceOf = (name) => `build/src/${name === 'supervisor-main' ? 'supervisor' : 'cli'}/${name}.js`;
// A program is one CommonJS file: Node finds, reads and links the many files of an ES module graph in the time that the rest
// of a short command takes. In front of it stands a loader that knows the cache of its compiled code, and so it is with the layer
// worker. The library and its worker are ES modules.
const metafiles = await Promise.all([
  ...planned.flat().map(({ name, program, plugins, ...options }) =>
    bundle({
      ...options,
      outdir: undefined,
      outfile: `dist/programs/${name}.js`,
      format: 'cjs',
      define: commonJs,
      // It stays in memory as long as a container runs, its source twice.
      minifyIdentifiers: program === 'supervisor-main',
      // Requires in place of imports: code from the cache cannot import.
      supported: { 'dynamic-import': false },
      plugins: [...plugins, ...partPlugins],
    }),
  ),
  ...heavyPackages.map((name) =>
    bundle({
      entryPoints: { [`programs/${name}`]: name },
      format: 'cjs',
      // To the importing module a CommonJS file itself is the default export.
      footer: { js: name === 'ora' ? 'module.exports=module.exports.default;' : '' },
      supported: { 'dynamic-import': false },
    }),
  ),
  bundle({
    entryPoints: { 'programs/layer-worker-code': 'build/src/pull/layer-worker.js' },
    format: 'cjs',
    define: commonJs,
    supported: { 'dynamic-import': false },
  }),
  bundle({
    entryPoints: { 'programs/verify-worker': 'build/src/fsck/verify-worker.js' },
    format: 'cjs',
    define: commonJs,
  }),
  bundle({
    entryPoints: {
      index: 'build/src/index.js',
      'layer-worker': 'build/src/pull/layer-worker.js',
      'verify-worker': 'build/src/fsck/verify-worker.js',
    },
    splitting: true,
    format: 'esm',
    // CommonJS packages inside an ES module need a require of their own.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
  }),
]);
const digest = createHash('sha256');
for (const name of readdirSync('dist/programs').sort()) digest.update(readFileSync(`dist/programs/${name}`));
const buildId = digest.digest('hex').slice(0, 16);
const loaders = [
  ...programs
    .filter((name) => rests[name] === undefined)
    .map((name) => ({ at: `${name}.cjs`, name, code: `programs/${name}.js` })),
  { at: 'programs/layer-worker.js', name: 'layer-worker', code: 'layer-worker-code.js' },
];
for (const { at, name, code } of loaders) {
  const [, path, extension] = /^(.*)(\.\w+)$/.exec(at);
  await bundle({
    entryPoints: { [path]: 'build/src/cli/load-program-main.js' },
    outExtension: { '.js': extension },
    format: 'cjs',
    define: {
      ...commonJs,
      PROGRAM: JSON.stringify(name),
      CODE: JSON.stringify(code),
      BUILD: JSON.stringify(buildId),
    },
    // Without the dashes Node takes `--env-file` for its own, wherever it stands.
    banner: { js: '#!/usr/bin/env -S node --' },
  });
}
for (const name of Object.keys(rests))
  await bundle({
    entryPoints: { [name]: sourceOf(name) },
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    // What it is made of is compiled anew at each start.
    minifyIdentifiers: true,
    supported: { 'dynamic-import': false },
    define: { ...commonJs, BUILD: JSON.stringify(buildId) },
    banner: { js: '#!/usr/bin/env -S node --' },
    plugins: [restApart],
  });
writeFileSync('dist/programs/package.json', '{"type":"commonjs"}\n');
for (const name of programs) chmodSync(`dist/${name}.cjs`, 0o755);
for (const file of listDeclarations()) {
  const target = file.replace(/^build/, 'dist/types');
  mkdirSync(dirname(target), { recursive: true });
  cpSync(file, target);
}
writeLicenses();

async function bundle(options) {
  const { metafile } = await build({
    outdir: 'dist',
    bundle: true,
    platform: 'node',
    target: 'node20.20',
    minifySyntax: true,
    minifyWhitespace: true,
    external: ['koffi'],
    legalComments: 'none',
    plugins: [noHttp2],
    metafile: true,
    logLevel: 'warning',
    ...options,
  });
  return metafile;
}

function listDeclarations() {
  return ['src', 'store'].flatMap((folder) =>
    readdirSync(`build/${folder}`, { recursive: true })
      .filter((name) => name.endsWith('.d.ts'))
      .map((name) => join('build', folder, name)),
  );
}

/** The bundles contain other people's packages; their licences travel along. */
function writeLicenses() {
  const packages = new Set();
  for (const input of metafiles.flatMap(({ inputs }) => Object.keys(inputs))) {
    const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) packages.add(match[1]);
  }
  const texts = [...packages].sort().map((name) => {
    const folder = `node_modules/${name}`;
    const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version} (${license})\n\n${file ? readFileSync(`${folder}/${file}`, 'utf8').trim() : ''}\n`;
  });
  writeFileSync('dist/LICENSES.txt', texts.join('\n----\n\n'));
}
