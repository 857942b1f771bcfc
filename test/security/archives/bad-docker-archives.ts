/** What must be refused of docker-archives: one thing wrong in each. */
import { gzipSync } from 'node:zlib';
import { buildImage } from '../../../fixtures/registry/image.js';
import { middle, one, top, two } from '../../support/archive-fixture.js';
import { blobPath, type Files, newSavedFiles, packFiles, savedFiles } from '../../support/image-archives.js';
import { END, file, hardlink, type Member, member, symlink, tar } from '../../support/tar-builder.js';

/** In no other image: a layer that is in the store already is not read again. */
export const base = tar(file('base of the victim', 'x'.repeat(3000)));

/** An image whose layers are nowhere else, so that what is left of it can be seen. */
export const victim = buildImage({
  layers: [base, tar(file('only here'))],
  compression: 'none',
  created: '2023-01-01T00:00:00Z',
});
const tags = ['victim:1'];
const good = savedFiles({ image: victim, tags });
const manifestOf = (files: Files) => JSON.parse(String(files['manifest.json'])) as Record<string, unknown>[];
const layerPaths = manifestOf(good)[0]?.['Layers'] as string[];
const [lowest = '', upper = ''] = layerPaths;
const configPath = String(manifestOf(good)[0]?.['Config']);

/** The good archive with another manifest.json. */
const listed = (change: Record<string, unknown>): Files => ({
  ...good,
  'manifest.json': Buffer.from(JSON.stringify([{ ...manifestOf(good)[0], ...change }])),
});
const withManifest = (text: string | Buffer): Files => ({ ...good, 'manifest.json': Buffer.from(text as string) });
export const without = (files: Files, path: string): Files =>
  Object.fromEntries(Object.entries(files).filter(([name]) => name !== path));
/** The good archive with more members, the last ones first where `before`. */
const plus = (...members: (Member | Buffer)[]): Buffer =>
  Buffer.concat([packFiles(good).subarray(0, -END.length), tar(...members)]);
const configWith = (edit: (config: Record<string, unknown>) => unknown): Files => {
  const image = buildImage({ layers: [base, middle], compression: 'none', editConfig: edit });
  return savedFiles({ image, tags });
};
export const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};
const quoted = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

export type Attack = [what: string, archive: Files | Buffer, code: string, message: RegExp];

/** By `docker-archive:`. */
export const badDockerArchives: Attack[] = [
  [
    'a layer with another content',
    { ...good, [upper]: top },
    'E_VERIFY',
    /uncompressed layer does not match its digest/,
  ],
  ['a flipped bit in a layer', { ...good, [lowest]: flipped(base, 700) }, 'E_VERIFY', /does not match its digest/],
  ['layers in another order', listed({ Layers: [upper, lowest] }), 'E_VERIFY', /does not match its digest/],
  [
    'a config with another digest than its name',
    { ...good, [configPath]: two.config },
    'E_VERIFY',
    /image config does not match/,
  ],
  ['a missing layer', without(good, upper), 'E_ARCHIVE', new RegExp(`lacks layer 1: there is no "${quoted(upper)}"`)],
  ['a missing config', without(good, configPath), 'E_ARCHIVE', /lacks the image config/],
  ['no manifest.json', without(good, 'manifest.json'), 'E_ARCHIVE', /has no manifest.json/],
  ['fewer layers than the config has', listed({ Layers: [lowest] }), 'E_DOCUMENT', /layers from manifest don't match/],
  ['more layers than the config has', listed({ Layers: [lowest, upper, upper] }), 'E_DOCUMENT', /don't match/],
  ['no layers but a config with some', listed({ Layers: null }), 'E_DOCUMENT', /don't match/],
  ['128 layers', listed({ Layers: Array(128).fill(lowest) }), 'E_UNSUPPORTED', /max depth exceeded/],
  [
    'a layer path out of the archive',
    listed({ Layers: ['../../../etc/passwd', upper] }),
    'E_ARCHIVE',
    /leads out of the archive/,
  ],
  ['an absolute layer path', listed({ Layers: ['/etc/passwd', upper] }), 'E_ARCHIVE', /lacks layer 0/],
  ['a config path out of the archive', listed({ Config: '../etc/passwd' }), 'E_ARCHIVE', /leads out of the archive/],
  ['no config path', listed({ Config: '' }), 'E_DOCUMENT', /"Config" that is not a path/],
  [
    'two manifest.json',
    plus(file('manifest.json', '[]')),
    'E_ARCHIVE',
    /"manifest.json" is in the archive more than once/,
  ],
  ['two manifest.json, spelled differently', plus(file('./manifest.json', '[]')), 'E_ARCHIVE', /more than once/],
  ['a layer twice', plus(file(lowest, 'x')), 'E_ARCHIVE', /more than once/],
  ['a member out of the archive', plus(file('../../evil', 'x')), 'E_ARCHIVE', /leads out of the archive/],
  [
    'a layer link out of the archive',
    linked(symlink(lowest, '../../../etc/passwd')),
    'E_ARCHIVE',
    /leads out of the archive/,
  ],
  ['a layer link to a file of the host', linked(symlink(lowest, '/etc/passwd')), 'E_ARCHIVE', /lacks layer 0/],
  ['a hard link to a file of the host', linked(hardlink(lowest, '/etc/passwd')), 'E_ARCHIVE', /lacks layer 0/],
  ['a layer link to itself', linked(symlink(lowest, 'layer.tar')), 'E_ARCHIVE', /more than 8 links/],
  [
    'a layer that is a device',
    linked({ name: lowest, type: '3', major: 1, minor: 5 }),
    'E_ARCHIVE',
    /is no regular file/,
  ],
  ['a layer that is a fifo', linked({ name: lowest, type: '6' }), 'E_ARCHIVE', /is no regular file/],
  ['a layer that is another layer by link', linked(symlink(lowest, `../${upper}`)), 'E_VERIFY', /does not match/],
  [
    'a manifest.json that links to a document',
    Buffer.concat([
      packFiles(without(good, 'manifest.json')).subarray(0, -END.length),
      tar(symlink('manifest.json', configPath)),
    ]),
    'E_DOCUMENT',
    /manifest.json is not an array/,
  ],
  ['a layer that is no archive', { ...good, [lowest]: Buffer.alloc(3000, 'text') }, 'E_ARCHIVE', /./],
  ['an empty layer file', { ...good, [lowest]: Buffer.alloc(0) }, 'E_ARCHIVE', /too short/],
  ['a truncated compressed layer', { ...good, [lowest]: gzipSync(base).subarray(0, -20) }, 'E_ARCHIVE', /gzip/],
  [
    'a compressed layer with garbage behind it',
    { ...good, [lowest]: Buffer.concat([gzipSync(base), Buffer.from('x')]) },
    'E_ARCHIVE',
    /gzip/,
  ],
  ['an xz layer', { ...good, [lowest]: Buffer.from('fd377a585a000004', 'hex') }, 'E_ARCHIVE', /xz are not supported/],
  ['manifest.json that is no JSON', withManifest('[{'), 'E_DOCUMENT', /manifest.json is not acceptable JSON/],
  ['manifest.json that is an object', withManifest('{}'), 'E_DOCUMENT', /is not an array/],
  ['manifest.json with nothing', withManifest('[]'), 'E_NOT_FOUND', /has no image/],
  ['manifest.json with null', withManifest('[null]'), 'E_DOCUMENT', /image 0 is not an object/],
  [
    'manifest.json with a key twice',
    withManifest('[{"Config":"a","Config":"b"}]'),
    'E_DOCUMENT',
    /the key "Config" twice/,
  ],
  ['manifest.json with a key in other case', listed({ layers: [] }), 'E_DOCUMENT', /spells "Layers" as "layers"/],
  ['layers that are no strings', listed({ Layers: [{}, 1] }), 'E_DOCUMENT', /"Layers" that is not an array of strings/],
  ['deeply nested JSON', withManifest('['.repeat(100_000)), 'E_DOCUMENT', /too many levels/],
  [
    'a huge manifest.json',
    withManifest(Buffer.alloc(9 * 1024 * 1024, ' ')),
    'E_DOCUMENT',
    /manifest.json has 9437184 bytes/,
  ],
  [
    'a huge config',
    { ...listed({ Config: 'big' }), big: Buffer.alloc(17 * 1024 * 1024, ' ') },
    'E_DOCUMENT',
    /the image config has 17825792 bytes/,
  ],
  [
    'a thousand and one images',
    withManifest(JSON.stringify(Array(1001).fill(manifestOf(good)[0]))),
    'E_DOCUMENT',
    /lists 1001 images/,
  ],
  ['many images with large configs', manyConfigs(), 'E_DOCUMENT', /documents of the images have more than/],
  ['a name that is none', listed({ RepoTags: ['UPPER:1'] }), 'E_DOCUMENT', /"UPPER:1" is no name with a tag/],
  [
    'a name that drives the terminal',
    listed({ RepoTags: ['a\u001b[2J:1'] }),
    'E_DOCUMENT',
    /"a\\x1b\[2J:1" is no name/,
  ],
  ['a name with a digest', listed({ RepoTags: [`x@sha256:${'0'.repeat(64)}`] }), 'E_DOCUMENT', /is no name with a tag/],
  [
    'one name for two images',
    savedFiles({ image: victim, tags }, { image: two, tags }),
    'E_DOCUMENT',
    /calls two images docker.io\/library\/victim:1/,
  ],
  ['a second image that is damaged', damagedSecond(), 'E_VERIFY', /does not match its digest/],
  ['another operating system', configWith((config) => ({ ...config, os: 'windows' })), 'E_UNSUPPORTED', /windows/],
  ['a config without layers in it', configWith(({ rootfs: _, ...config }) => config), 'E_DOCUMENT', /no RootFS key/],
  [
    'diffIDs that are paths',
    configWith((config) => ({ ...config, rootfs: { type: 'layers', diff_ids: ['../../x', 'y'] } })),
    'E_DIGEST',
    /diff id/,
  ],
  ['an archive cut off', packFiles(good).subarray(0, -8000), 'E_ARCHIVE', /cut off|not a valid archive/],
  ['an archive cut in a layer', packFiles(good).subarray(0, 3000), 'E_ARCHIVE', /cut off/],
  ['a size that lies', tar({ ...file(lowest), size: 2 ** 40 }), 'E_ARCHIVE', /cut off/],
  [
    'a link that claims content',
    tar(symlink('s', 't', { size: 1024 }), ...asMembers(good)),
    'E_ARCHIVE',
    /link and has content/,
  ],
  [
    'members behind the end',
    Buffer.concat([
      packFiles(without(good, 'manifest.json')),
      member(file('manifest.json', String(good['manifest.json']))),
      END,
    ]),
    'E_ARCHIVE',
    /has no manifest.json/,
  ],
  ['no archive', Buffer.from('{"message": "no such image"}\n'.repeat(50)), 'E_ARCHIVE', /not a valid archive/],
  ['a damaged gzip archive', flipped(gzipSync(packFiles(good)), 500), 'E_ARCHIVE', /gzip/],
  ['a truncated gzip archive', gzipSync(packFiles(good)).subarray(0, -300), 'E_ARCHIVE', /gzip/],
  ['an xz archive', Buffer.from('fd377a585a00000400', 'hex'), 'E_ARCHIVE', /xz are not supported/],
  [
    'a blob path with another content',
    { ...newSavedFiles({ image: victim, tags }), [blobPath(base)]: gzipSync(base) },
    'E_VERIFY',
    /the blob does not match its digest/,
  ],
  [
    'a config blob with another content',
    { ...newSavedFiles({ image: victim, tags }), [blobPath(victim.config)]: one.config },
    'E_VERIFY',
    /image config does not match/,
  ],
];

function linked(layer: Member): Buffer {
  return tar(layer, ...asMembers(without(good, lowest)));
}
function asMembers(files: Files): Member[] {
  return Object.entries(files).map(([name, content]) => file(name, '', { content }));
}
function damagedSecond(): Files {
  const files = savedFiles({ image: one, tags: ['one:1'] }, { image: victim, tags });
  return { ...files, [upper]: top };
}
function manyConfigs(): Files {
  const config = (at: number): Buffer =>
    buildImage({
      layers: [base],
      compression: 'none',
      config: { Labels: { at: String(at), filler: 'x'.repeat(15 * 1024 * 1024) } },
    }).config;
  const names = Array.from({ length: 9 }, (_, at) => `c${at}`);
  const list = names.map((name) => ({ Config: name, RepoTags: null, Layers: [lowest] }));
  return {
    ...good,
    ...Object.fromEntries(names.map((name, at) => [name, config(at)])),
    'manifest.json': Buffer.from(JSON.stringify(list)),
  };
}
