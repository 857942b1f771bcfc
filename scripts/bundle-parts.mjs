// A program in parts: files that are loaded when they are needed, of which each module is in one only. esbuild's own splitting makes
// dozens of small files, one for each set of modules that the same ones need, and finding and reading them takes the time of a short command.
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';

/**
 * Plans the parts of a program: each has its modules with all that these import by statements, but for what earlier parts have; the last one,
 * `<program>-rest`, has what is left, all that is imported by `import()` and named nowhere.
 *
 * @param build esbuild's
 * @param parts name to modules below build/, the program itself first
 * @returns for each part the options that its bundle needs
 */
export async function planParts(build, parts, options) {
  const graph = new Map();
  const owner = new Map();
  const roots = new Map();
  const take = async (part, entries) => {
    roots.set(part, entries);
    await explore(build, entries, graph, options);
    for (const module of reached(entries, graph)) if (!owner.has(module) && isShared(module)) owner.set(module, part);
  };
  for (const [part, modules] of Object.entries(parts))
    await take(
      part,
      modules.map((name) => resolve('build', `${name}.js`)),
    );
  const rest = `${Object.keys(parts)[0]}-rest`;
  for (;;) {
    const late = [...graph.values()].flatMap(({ later }) => later).filter((module) => !owner.has(module));
    if (late.length === 0) break;
    await take(rest, [...(roots.get(rest) ?? []), ...new Set(late)]);
  }
  return [...roots].map(([part, entries]) => ({ name: part, ...bundleOf(part, { entries, owner, graph }) }));
}

/** Packages are stateless here and small; those that are not are files of their own anyway. */
const isShared = (module) => !module.includes('/node_modules/');

/** Adds to the graph what `entries` import: by statements (`now`), and by `import()` (`later`). */
async function explore(build, entries, graph, options) {
  const later = new Map();
  const plugin = {
    name: 'explore',
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.?\// }, ({ kind, path, resolveDir, importer }) => {
        if (kind !== 'dynamic-import') return undefined;
        later.set(importer, [...(later.get(importer) ?? []), resolve(resolveDir, path)]);
        return { path, external: true };
      });
    },
  };
  const { metafile } = await build({
    ...options,
    entryPoints: entries,
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'nowhere',
    plugins: [plugin, ...(options.plugins ?? [])],
  });
  for (const [path, { imports }] of Object.entries(metafile.inputs)) {
    if (path.includes(':')) continue;
    const module = resolve(path);
    const now = imports
      .filter(({ external, path: to }) => !external && !to.includes(':'))
      .map(({ path: to }) => resolve(to));
    graph.set(module, { now, later: later.get(module) ?? [] });
  }
}

function reached(entries, graph) {
  const found = new Set();
  const visit = (module) => {
    if (found.has(module)) return;
    found.add(module);
    for (const next of graph.get(module)?.now ?? []) visit(next);
  };
  for (const entry of entries) visit(entry);
  return found;
}

function bundleOf(part, { entries, owner, graph }) {
  const wanted = new Map();
  const doors = new Set();
  for (const [importer, { now, later }] of graph) {
    if (owner.get(importer) === part) continue;
    for (const module of now.filter((to) => owner.get(to) === part))
      wanted.set(module, [...(wanted.get(module) ?? []), namesImported(importer, module)]);
    for (const module of later.filter((to) => owner.get(to) === part)) doors.add(module);
  }
  const late = new Set([...graph.values()].flatMap(({ later }) => later));
  const own = entries.filter((entry) => owner.get(entry) === part && !wanted.has(entry) && !late.has(entry));
  const shared = [...wanted].sort(([one], [other]) => (one < other ? -1 : 1));
  const getters = [...doors].sort().map((door) => `get ${idOf(door)}(){return require(${JSON.stringify(door)})}`);
  const contents = [
    ...shared.map(([module, names], at) => importOf(module, names, `m${at}`)),
    ...own.map((module) => `import ${JSON.stringify(module)};`),
    `export {${shared.map(([module], at) => `m${at} as ${idOf(module)}`).join(',')}};`,
    `export const doors={${getters.join(',')}};`,
  ];
  return {
    stdin: { contents: contents.join('\n'), resolveDir: process.cwd(), sourcefile: `${part}.js` },
    plugins: [ofOtherParts(part, { owner, graph })],
  };
}

/** From what the TypeScript compiler writes: nothing where everything is passed on. */
function namesImported(importer, module) {
  return [...readFileSync(importer, 'utf8').matchAll(/^import \{([^}]*)\} from '(\.[^']*)';/gm)]
    .filter(([, , path]) => resolve(dirname(importer), path) === module)
    .flatMap(([, names]) => names.split(',').map((name) => name.trim().split(' as ')[0]))
    .filter((name) => name !== '');
}

/** Only what others need, so that the rest of a module may be left out. */
function importOf(module, names, as) {
  const from = `from ${JSON.stringify(module)};`;
  if (names.some((list) => list.length === 0)) return `import * as ${as} ${from}`;
  const each = [...new Set(names.flat())];
  const imports = each.map((name, at) => `${name} as ${as}_${at}`);
  const fields = each.map((name, at) => `${name}:${as}_${at}`);
  return `import {${imports.join(',')}} ${from} const ${as}={${fields.join(',')}};`;
}

/** The name of a module among those that a part has for others, quoted. */
const idOf = (module) => JSON.stringify(module.slice(resolve('build').length + 1, -'.js'.length));

function ofOtherParts(part, { owner, graph }) {
  const importers = [...graph].filter(([importer]) => owner.get(importer) === part);
  return {
    name: 'of-other-parts',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\.?\//, namespace: 'file' }, ({ path, resolveDir, kind }) => {
        const module = resolve(resolveDir, path);
        const other = owner.get(module);
        if (other === undefined || other === part) return undefined;
        return { path: module, namespace: kind === 'dynamic-import' ? 'door' : 'part' };
      });
      onLoad({ filter: /.*/, namespace: 'part' }, ({ path }) => {
        const names = importers.filter(([, { now }]) => now.includes(path)).map(([from]) => namesImported(from, path));
        const module = `require("./${owner.get(path)}.js")[${idOf(path)}]`;
        if (names.some((list) => list.length === 0)) return { contents: `module.exports=${module};` };
        // Bindings of its own: through the object of a CommonJS module, each use and each start would take longer.
        return { contents: `export const {${[...new Set(names.flat())].join(',')}}=${module};` };
      });
      onLoad({ filter: /.*/, namespace: 'door' }, ({ path }) => ({
        contents: `module.exports=require("./${owner.get(path)}.js").doors[${idOf(path)}];`,
      }));
      onResolve({ filter: /.*/, namespace: 'part' }, ({ path }) => ({ path: `./${basename(path)}`, external: true }));
      onResolve({ filter: /.*/, namespace: 'door' }, ({ path }) => ({ path: `./${basename(path)}`, external: true }));
    },
  };
}
