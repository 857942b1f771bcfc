import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../../store/oci/digest.js';
import { parseManifest } from '../../../store/oci/manifest.js';

const docker = 'application/vnd.docker.distribution.manifest.v2+json';
const list = 'application/vnd.docker.distribution.manifest.list.v2+json';
const oci = 'application/vnd.oci.image.manifest.v1+json';
const index = 'application/vnd.oci.image.index.v1+json';
const d = digestOf('x');

const config = { mediaType: 'application/vnd.docker.container.image.v1+json', digest: d, size: 10 };
const layer = { mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', digest: d, size: 20 };
const ociConfig = { ...config, mediaType: 'application/vnd.oci.image.config.v1+json' };
const ociLayer = { ...layer, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' };
const dockerImage = { schemaVersion: 2, mediaType: docker, config, layers: [layer] };
const ociImage = { schemaVersion: 2, mediaType: oci, config: ociConfig, layers: [ociLayer] };
const entry = { mediaType: oci, digest: d, size: 30, platform: { os: 'linux', architecture: 'amd64' } };
const ociIndex = { schemaVersion: 2, mediaType: index, manifests: [entry] };
const { mediaType: _1, ...bareImage } = ociImage;
const { mediaType: _2, ...bareIndex } = ociIndex;
const withLayer = (part: object) => ({ ...ociImage, layers: [{ ...ociLayer, ...part }] });
const withConfig = (part: object) => ({ ...ociImage, config: { ...ociConfig, ...part } });

const parse = (document: unknown, type: string | undefined) =>
  parseManifest(Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)), type);

/** what, document, Content-Type, kind */
const accepted: [string, unknown, string | undefined, string][] = [
  ['docker manifest', dockerImage, docker, 'manifest'],
  ['docker list', { ...ociIndex, mediaType: list }, list, 'index'],
  ['oci manifest', ociImage, oci, 'manifest'],
  ['oci index', ociIndex, index, 'index'],
  ['oci without mediaType', bareImage, oci, 'manifest'],
  ['index without mediaType', bareIndex, index, 'index'],
  ['charset (M08)', dockerImage, `${docker}; charset=utf-8`, 'manifest'],
  ['upper case header', dockerImage, docker.toUpperCase(), 'manifest'],
  ['no header, its own type (M08)', dockerImage, undefined, 'manifest'],
  ['vague header', ociIndex, 'application/json', 'index'],
  ['no type at all', bareImage, undefined, 'manifest'],
  ['sha512 (M12)', withLayer({ digest: digestOf('x', 'sha512') }), oci, 'manifest'],
  ['zstd layer', withLayer({ mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' }), oci, 'manifest'],
  ['plain layer', withLayer({ mediaType: 'application/vnd.oci.image.layer.v1.tar' }), oci, 'manifest'],
  [
    'foreign layer',
    withLayer({ mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', urls: ['https://x/y'] }),
    oci,
    'manifest',
  ],
  [
    'octet-stream config of old registries',
    { ...dockerImage, config: { ...config, mediaType: 'application/octet-stream' } },
    docker,
    'manifest',
  ],
  ['unknown fields', { ...ociImage, extension: { Layers: 1, size: 5 } }, oci, 'manifest'],
  [
    'annotations of any name (M18)',
    JSON.stringify(ociImage).replace('}', ',"annotations":{"__proto__":"x","Layers":"y","size":"z"}}'),
    oci,
    'manifest',
  ],
  ['null annotations', { ...ociImage, annotations: null }, oci, 'manifest'],
  ['127 layers (M24)', { ...ociImage, layers: Array(127).fill(ociLayer) }, oci, 'manifest'],
  ['empty index', { ...ociIndex, manifests: [] }, index, 'index'],
];
for (const [what, document, type, kind] of accepted)
  test(`accepts ${what}`, () => assert.equal(parse(document, type).kind, kind));

const badDigests = [
  `sha256:../../${'a'.repeat(58)}`,
  `sha256:${'.'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}\u0000`,
  `sha256:${'a'.repeat(64)}\n`,
  `sha256:%2f${'a'.repeat(61)}`,
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}`,
  'sha256:',
  '',
  `md5:${'a'.repeat(32)}`,
  `x+y:${'a'.repeat(64)}`,
  'a'.repeat(64),
  7,
  null,
  [d],
];
const badSizes = ['-1', '0', '"12"', '1.5', '1e2', '9007199254740993', 'null', '[1]', '1E1', '-0'];
const withRawSize = (size: string) => JSON.stringify(ociImage).replace('"size":20', `"size":${size}`);

/** what, document, Content-Type, code, part of the message */
const refused: [string, unknown, string | undefined, string, string][] = [
  [
    'manifest with manifests (M06)',
    { ...ociImage, manifests: [entry] },
    oci,
    'E_DOCUMENT',
    'index as well as those of an image',
  ],
  ['index with layers (M06)', { ...ociIndex, layers: [ociLayer] }, index, 'E_DOCUMENT', 'index as well as'],
  ['index with config (M06)', { ...ociIndex, config: ociConfig }, index, 'E_DOCUMENT', 'index as well as'],
  ['header index, body manifest (M07)', bareImage, index, 'E_DOCUMENT', 'no index'],
  ['header manifest, body index (M07)', bareIndex, oci, 'E_DOCUMENT', 'an index'],
  ['header index, typed body (M07)', ociImage, index, 'E_DOCUMENT', 'was sent as'],
  ['html header (M08)', ociImage, 'text/html', 'E_UNSUPPORTED', 'unsupported media type text/html'],
  ['docker body, oci header (M09)', dockerImage, oci, 'E_DOCUMENT', 'was sent as'],
  ['docker header, no type inside', bareImage, docker, 'E_DOCUMENT', 'has no mediaType'],
  [
    'unknown type inside',
    { ...ociImage, mediaType: 'application/x-\u001bfoo' },
    undefined,
    'E_UNSUPPORTED',
    'application/x-\\x1bfoo',
  ],
  [
    'schema 1 by header (M14)',
    dockerImage,
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    'E_UNSUPPORTED',
    'schema 1',
  ],
  ['schema 1 by body (M14)', { schemaVersion: 1, fsLayers: [] }, undefined, 'E_UNSUPPORTED', 'schema 1'],
  ['fsLayers', { ...ociImage, fsLayers: [] }, oci, 'E_DOCUMENT', 'schema 1'],
  ['no schemaVersion', { ...ociImage, schemaVersion: undefined }, oci, 'E_DOCUMENT', 'schemaVersion 2'],
  ['schemaVersion as text', { ...ociImage, schemaVersion: '2' }, oci, 'E_DOCUMENT', 'schemaVersion'],
  [
    'helm chart (M14)',
    withConfig({ mediaType: 'application/vnd.cncf.helm.config.v1+json' }),
    oci,
    'E_UNSUPPORTED',
    'unsupported media type application/vnd.cncf.helm.config.v1+json',
  ],
  ['wasm (M14)', withConfig({ mediaType: 'application/vnd.wasm.config.v0+json' }), oci, 'E_UNSUPPORTED', 'wasm'],
  ['empty config (M14)', withConfig({ mediaType: 'application/vnd.oci.empty.v1+json' }), oci, 'E_UNSUPPORTED', 'empty'],
  [
    'encrypted layer',
    withLayer({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted' }),
    oci,
    'E_UNSUPPORTED',
    'encrypted',
  ],
  ['attestation', withLayer({ mediaType: 'application/vnd.in-toto+json' }), oci, 'E_UNSUPPORTED', 'in-toto'],
  ['no config', { ...ociImage, config: undefined }, oci, 'E_DOCUMENT', 'config is not an object'],
  ['no layers', { ...ociImage, layers: [] }, oci, 'E_UNSUPPORTED', 'no layers'],
  ['layers no array', { ...ociImage, layers: {} }, oci, 'E_DOCUMENT', 'not an array'],
  ['layer no object', { ...ociImage, layers: ['x'] }, oci, 'E_DOCUMENT', 'not an object'],
  ['size missing (M15)', withLayer({ size: undefined }), oci, 'E_DOCUMENT', '"size"'],
  ['case twin', { ...ociImage, Layers: [ociLayer] }, oci, 'E_DOCUMENT', 'spells "layers" as "Layers"'],
  ['case twin alone', { ...bareImage, layers: undefined, LAYERS: [ociLayer] }, oci, 'E_DOCUMENT', 'spells'],
  ['case twin in a descriptor', withLayer({ Digest: d }), oci, 'E_DOCUMENT', 'spells "digest" as "Digest"'],
  ['twin by the long s', withLayer({ ſize: 20 }), oci, 'E_DOCUMENT', 'spells "size"'],
  ['repeated key', JSON.stringify(ociImage).replace('{', '{"layers":[],'), oci, 'E_DOCUMENT', 'twice'],
  ['byte order mark (M19)', `\ufeff${JSON.stringify(ociImage)}`, oci, 'E_DOCUMENT', 'byte order mark'],
  ['trailing data (M19)', `${JSON.stringify(ociImage)}{}`, oci, 'E_DOCUMENT', 'after its end'],
  ['nested arrays (M19)', '['.repeat(2_000_000), oci, 'E_DOCUMENT', 'levels'],
  ['200 layers (M24)', { ...ociImage, layers: Array(200).fill(ociLayer) }, oci, 'E_UNSUPPORTED', 'max depth exceeded'],
  ['128 layers (M24)', { ...ociImage, layers: Array(128).fill(ociLayer) }, oci, 'E_UNSUPPORTED', 'max depth exceeded'],
  [
    '50 000 children (M25)',
    { ...ociIndex, manifests: Array(50_000).fill({ digest: d, size: 1 }) },
    index,
    'E_DOCUMENT',
    'more than',
  ],
  ['40 MiB (M16)', ' '.repeat(40 * 1024 * 1024), oci, 'E_DOCUMENT', 'more than'],
  ['annotation that is no text', { ...ociImage, annotations: { a: 1 } }, oci, 'E_DOCUMENT', 'map of strings'],
  ['an array', [], oci, 'E_DOCUMENT', 'not an object'],
  ['null', null, oci, 'E_DOCUMENT', 'not an object'],
  ['nothing', '', oci, 'E_DOCUMENT', 'no value'],
  ...badDigests.flatMap((digest): [string, unknown, string, string, string][] => [
    [`layer digest ${digest} (M10)`, withLayer({ digest }), oci, 'E_DIGEST', 'sha256'],
    [`config digest ${digest} (M11)`, withConfig({ digest }), oci, 'E_DIGEST', 'sha256'],
    [`child digest ${digest} (M11)`, { ...ociIndex, manifests: [{ ...entry, digest }] }, index, 'E_DIGEST', 'sha256'],
  ]),
  ...badSizes.map((size): [string, unknown, string, string, string] => [
    `size ${size} (M15)`,
    withRawSize(size),
    oci,
    'E_DOCUMENT',
    '',
  ]),
];
for (const [what, document, type, code, message] of refused) {
  test(`refuses ${JSON.stringify(what.slice(0, 90))}`, () => {
    assert.throws(
      () => parse(document, type),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, code, error.message);
        assert.ok(error.message.includes(message), error.message);
        return true;
      },
    );
  });
}

test('what a manifest says', () => {
  assert.deepEqual(parse(withLayer({ annotations: { a: 'b' } }), oci), {
    kind: 'manifest',
    mediaType: oci,
    config: { ...ociConfig, annotations: {}, platform: undefined },
    layers: [{ ...ociLayer, annotations: { a: 'b' }, platform: undefined }],
  });
});
