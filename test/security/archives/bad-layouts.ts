/** What must be refused of OCI layouts: one thing wrong in each. */
import { buildImage } from '../../../fixtures/registry/image.js';
import { one, top } from '../../support/archive-fixture.js';
import { blobPath, type Files, layoutFiles } from '../../support/image-archives.js';
import { END } from '../../support/tar-builder.js';
import { base, flipped, victim, without } from './bad-docker-archives.js';

const layout = layoutFiles({ image: victim });
const index = JSON.parse(String(layout['index.json']));
const indexWith = (change: object): Files => ({
  ...layout,
  'index.json': Buffer.from(JSON.stringify({ ...index, ...change })),
});
const entryWith = (change: object): Files => indexWith({ manifests: [{ ...index.manifests[0], ...change }] });
const manifestBlob = blobPath(victim.manifest.bytes);
const [lowestBlob, upperBlob] = victim.layers.map(blobPath) as [string, string];
const layoutOf = (options: Parameters<typeof buildImage>[0]) => layoutFiles({ image: buildImage(options) });

/** By `oci:` and by `oci-archive:`. */
export const badLayouts: (readonly [what: string, layout: Files, code: string, message: RegExp])[] = [
  [
    'a blob with another content',
    { ...layout, [upperBlob]: top },
    'E_VERIFY',
    /bytes, not the \d+ of its descriptor|digest/,
  ],
  [
    'a blob with a flipped bit',
    { ...layout, [lowestBlob]: flipped(base, 700) },
    'E_VERIFY',
    /does not match its digest/,
  ],
  [
    'a blob that is longer',
    { ...layout, [lowestBlob]: Buffer.concat([base, END]) },
    'E_VERIFY',
    /not the \d+ of its descriptor/,
  ],
  ['a missing blob', without(layout, upperBlob), 'E_ARCHIVE', /lacks a layer/],
  ['a missing manifest', without(layout, manifestBlob), 'E_ARCHIVE', /lacks manifest/],
  ['a missing config', without(layout, blobPath(victim.config)), 'E_ARCHIVE', /lacks image config/],
  [
    'a manifest with other bytes',
    { ...layout, [manifestBlob]: one.manifest.bytes },
    'E_VERIFY',
    /manifest does not match/,
  ],
  ['a config with other bytes', { ...layout, [blobPath(victim.config)]: one.config }, 'E_VERIFY', /image config/],
  [
    'a manifest of another size',
    entryWith({ size: victim.manifest.bytes.length - 1 }),
    'E_VERIFY',
    /not the \d+ of its descriptor/,
  ],
  ['a size below zero', entryWith({ size: -1 }), 'E_DOCUMENT', /"size" that is not a positive integer/],
  ['a digest that is a path', entryWith({ digest: 'sha256:../../../../etc/passwd' }), 'E_DIGEST', /is not of the form/],
  [
    'a type that contradicts the document',
    entryWith({ mediaType: 'application/vnd.oci.image.index.v1+json' }),
    'E_DOCUMENT',
    /manifest calls itself/,
  ],
  [
    'a version of the future',
    { ...layout, 'oci-layout': Buffer.from('{"imageLayoutVersion":"2.0.0"}') },
    'E_UNSUPPORTED',
    /has version "2.0.0"/,
  ],
  ['no index', without(layout, 'index.json'), 'E_ARCHIVE', /lacks index.json/],
  ['no images', indexWith({ manifests: [] }), 'E_NOT_FOUND', /has no image/],
  ['an index that is an image', indexWith({ manifests: undefined, config: {}, layers: [] }), 'E_DOCUMENT', /./],
  [
    'an artifact',
    layoutOf({
      layers: [base],
      format: 'oci',
      editManifest: (m) => ({
        ...m,
        config: { ...(m['config'] as object), mediaType: 'application/vnd.cncf.helm.config.v1+json' },
      }),
    }),
    'E_UNSUPPORTED',
    /unsupported media type application\/vnd.cncf/,
  ],
  ['a huge index', { ...layout, 'index.json': Buffer.alloc(9 * 1024 * 1024, ' ') }, 'E_DOCUMENT', /index.json has/],
  [
    'layers that do not match the config',
    layoutOf({
      layers: [base, top],
      format: 'oci',
      editManifest: (m) => ({ ...m, layers: [...(m['layers'] as unknown[])].reverse() }),
    }),
    'E_VERIFY',
    /./,
  ],
];
