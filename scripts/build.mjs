// Compiles the TypeScript tree to build/ (what the tests run) and bundles the programs and the library into dist/
// (what npm publishes). koffi stays a package of its own because it carries a native module.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(top);

rmSync('build', { recursive: true, force: true });
rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], { stdio: 'inherit' });

const programs = ['tspull', 'tsimage', 'tsrun', 'tscontainer'];
// A program is one CommonJS file: Node finds, reads and links the many files of an ES module graph in the time that the rest
// of a short command takes. The library and its worker are ES modules.
const metafiles = await Promise.all([
  ...programs.map((name) =>
    bundle({
      entryPoints: { [name]: `build/src/cli/${name}.js` },
      outExtension: { '.js': '.cjs' },
      format: 'cjs',
      define: { 'import.meta.url': '__moduleUrl' },
      banner: { js: "#!/usr/bin/env node\nconst __moduleUrl=require('node:url').pathToFileURL(__filename).href;" },
    }),
  ),
  bundle({
    entryPoints: { index: 'build/src/index.js', 'layer-worker': 'build/src/pull/layer-worker.js' },
    splitting: true,
    format: 'esm',
    // CommonJS packages inside an ES module need a require of their own.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
  }),
]);
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
