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
const entries = {
  ...Object.fromEntries(programs.map((name) => [name, `build/src/cli/${name}.js`])),
  index: 'build/src/index.js',
  'layer-worker': 'build/src/pull/layer-worker.js',
};
// One build an entry: what a program needs at once lies in one file, what it needs sometimes in a few others. Chunks shared
// between programs would be forty small files, and loading those takes longer than all the rest of a start.
const metafiles = await Promise.all(Object.entries(entries).map(([name, file]) => bundle({ [name]: file })));

for (const name of programs) {
  const file = `dist/${name}.js`;
  writeFileSync(file, `#!/usr/bin/env node\n${readFileSync(file, 'utf8')}`);
  chmodSync(file, 0o755);
}
for (const file of listDeclarations()) {
  const target = file.replace(/^build/, 'dist/types');
  mkdirSync(dirname(target), { recursive: true });
  cpSync(file, target);
}
writeLicenses();

async function bundle(entryPoints) {
  const { metafile } = await build({
    entryPoints,
    outdir: 'dist',
    bundle: true,
    splitting: true,
    chunkNames: `${Object.keys(entryPoints)[0]}-[name]-[hash]`,
    format: 'esm',
    platform: 'node',
    target: 'node20.20',
    minifySyntax: true,
    minifyWhitespace: true,
    external: ['koffi'],
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    // CommonJS packages inside an ES module bundle need a require of their own.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
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
