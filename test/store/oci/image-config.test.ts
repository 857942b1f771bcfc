import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../../store/oci/digest.js';
import { assertLayersMatch, parseImageConfig } from '../../../store/oci/image-config.js';
import type { Manifest } from '../../../store/oci/manifest.js';

const d = digestOf('x');
const rootfs = { type: 'layers', diff_ids: [d] };
const base = { os: 'linux', architecture: 'amd64', rootfs };
const parse = (value: unknown) =>
  parseImageConfig(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));

test('everything that a config may say', () => {
  const parsed = parse({
    ...base,
    variant: 'v3',
    created: '2020-01-02T03:04:05.000000006Z',
    author: 'me',
    config: {
      User: '1000:50',
      WorkingDir: '/w',
      Env: ['A=b', 'C'],
      Cmd: ['sh', '-c'],
      Entrypoint: ['/e'],
      Shell: ['/bin/bash', '-c'],
      OnBuild: ['RUN x'],
      Volumes: { '/v': {}, '/a/../b': {} },
      ExposedPorts: { '80/tcp': {} },
      Labels: { a: 'b', A: 'c', __proto: 'd' },
      StopSignal: 'SIGINT',
      Healthcheck: { Test: ['CMD', 'x'], Interval: 30_000_000_000, Retries: 3 },
    },
    history: [
      { created: '2020', created_by: 'x' },
      { empty_layer: true, comment: 'c', author: 'a' },
    ],
  });
  assert.deepEqual(parsed.diffIds, [d]);
  assert.equal(parsed.variant, 'v3');
  assert.deepEqual(parsed.config, {
    user: '1000:50',
    workingDir: '/w',
    env: ['A=b', 'C'],
    cmd: ['sh', '-c'],
    entrypoint: ['/e'],
    shell: ['/bin/bash', '-c'],
    onBuild: ['RUN x'],
    volumes: ['/v', '/a/../b'],
    exposedPorts: ['80/tcp'],
    labels: { a: 'b', A: 'c', __proto: 'd' },
    stopSignal: 'SIGINT',
    healthcheck: {
      test: ['CMD', 'x'],
      interval: 30_000_000_000,
      timeout: 0,
      startPeriod: 0,
      startInterval: 0,
      retries: 3,
    },
  });
  assert.deepEqual(parsed.history[1], { created: '', createdBy: '', author: 'a', comment: 'c', emptyLayer: true });
});

test('null is absent, and a command may be one string', () => {
  const nothing = Object.fromEntries(
    ['User', 'WorkingDir', 'Env', 'Cmd', 'Entrypoint', 'Shell', 'OnBuild', 'Volumes', 'ExposedPorts', 'Labels'].map(
      (key) => [key, null],
    ),
  );
  const { config } = parse({
    ...base,
    config: { ...nothing, Healthcheck: null },
    history: null,
    created: null,
    variant: null,
  });
  assert.deepEqual(config, parse(base).config);
  assert.equal(config.cmd, undefined);
  assert.deepEqual(parse({ ...base, config: { Cmd: 'sh', Entrypoint: [] } }).config.cmd, ['sh']);
  assert.deepEqual(parse({ ...base, config: null }).config, config);
});

test('labels with the names of object members are data (M18)', () => {
  const text = JSON.stringify(base).replace(
    '{',
    '{"config":{"Labels":{"__proto__":"x","constructor":"y","toString":"z"}},',
  );
  const { labels } = parse(text).config;
  assert.deepEqual(Object.entries(labels), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
    ['toString', 'z'],
  ]);
});

const accepted: [string, unknown][] = [
  ['no os (M23)', { ...base, os: undefined }],
  ['another architecture (M23)', { ...base, architecture: 's390x' }],
  ['no history (M22)', base],
  ['shorter history (M22)', { ...base, rootfs: { type: 'layers', diff_ids: [d, d] }, history: [{}] }],
  ['only empty layers in the history (M22)', { ...base, history: Array(300).fill({ empty_layer: true }) }],
  [
    'fields of Docker',
    { ...base, container: 'x', container_config: { Cmd: null, Labels: {} }, docker_version: '20', id: 'x' },
  ],
  ['fractions in unknown places', { ...base, 'moby.buildkit': { ratio: 0.5 } }],
];
for (const [what, value] of accepted) test(`accepts ${what}`, () => assert.doesNotThrow(() => parse(value)));

const refused: [string, unknown, string, string][] = [
  ['null (M21)', null, 'E_DOCUMENT', 'not an object'],
  ['an array (M21)', [], 'E_DOCUMENT', 'not an object'],
  ['nothing in it (M21)', {}, 'E_DOCUMENT', 'no RootFS key'],
  ['rootfs null (M21)', { ...base, rootfs: null }, 'E_DOCUMENT', 'no RootFS key'],
  ['rootfs empty (M21)', { ...base, rootfs: {} }, 'E_DOCUMENT', 'type "layers"'],
  ['rootfs of another type', { ...base, rootfs: { ...rootfs, type: 'layers+base' } }, 'E_DOCUMENT', 'type "layers"'],
  ['diff_ids no array', { ...base, rootfs: { ...rootfs, diff_ids: d } }, 'E_DOCUMENT', 'not an array'],
  ['bad diff_id (M11)', { ...base, rootfs: { ...rootfs, diff_ids: ['sha256:../../x'] } }, 'E_DIGEST', 'diff id'],
  ['sha512 diff_id', { ...base, rootfs: { ...rootfs, diff_ids: [digestOf('x', 'sha512')] } }, 'E_DIGEST', 'diff id'],
  ['null diff_id', { ...base, rootfs: { ...rootfs, diff_ids: [null] } }, 'E_DIGEST', 'diff id'],
  [
    'longer history (M22)',
    { ...base, history: [{}, {}] },
    'E_DOCUMENT',
    'too many non-empty layers in History section',
  ],
  ['history no array', { ...base, history: {} }, 'E_DOCUMENT', 'not an array'],
  ['windows (M23)', { ...base, os: 'windows' }, 'E_UNSUPPORTED', 'operating system "windows"'],
  ['an os with escapes', { ...base, os: '\u001b[2J' }, 'E_UNSUPPORTED', '\\x1b[2J'],
  ['case twins', { ...base, Config: {} }, 'E_DOCUMENT', 'spells "config" as "Config"'],
  ['case twins in config', { ...base, config: { cmd: ['x'] } }, 'E_DOCUMENT', 'spells "Cmd" as "cmd"'],
  ['a number as user', { ...base, config: { User: 0 } }, 'E_DOCUMENT', '"User" that is not a string'],
  ['a number in Env', { ...base, config: { Env: [1] } }, 'E_DOCUMENT', 'array of strings'],
  ['a label that is no text', { ...base, config: { Labels: { a: 1 } } }, 'E_DOCUMENT', 'map of strings'],
  ['volumes as a list', { ...base, config: { Volumes: ['/v'] } }, 'E_DOCUMENT', 'not an object'],
  ['retries in halves', { ...base, config: { Healthcheck: { Retries: 1.5 } } }, 'E_DOCUMENT', 'not an integer'],
];
for (const [what, value, code, message] of refused) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => parse(value),
      (error: Error & { code?: string }) => error.code === code && error.message.includes(message),
    );
  });
}

test('as many layers as diff ids (M21)', () => {
  const descriptor = { mediaType: '', digest: d, size: 1, annotations: {}, platform: undefined };
  const manifest = (count: number): Manifest => ({
    kind: 'manifest',
    mediaType: '',
    config: descriptor,
    layers: Array(count).fill(descriptor),
  });
  assertLayersMatch(manifest(1), parse(base));
  for (const diffIds of [[], null, [d, d]]) {
    const config = parse({ ...base, rootfs: { type: 'layers', diff_ids: diffIds } });
    assert.throws(() => assertLayersMatch(manifest(1), config), {
      message: "layers from manifest don't match image configuration",
    });
  }
});
