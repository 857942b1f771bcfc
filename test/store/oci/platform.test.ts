import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../../store/oci/digest.js';
import type { Index } from '../../../store/oci/manifest.js';
import {
  armVariant,
  compatiblePlatforms,
  formatPlatform,
  hostPlatform,
  parsePlatform,
  selectFromIndex,
} from '../../../store/oci/platform.js';

const parsed: [string, string][] = [
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/amd64/v2', 'linux/amd64/v2'],
  ['Linux/ARM64', 'linux/arm64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/arm64/8', 'linux/arm64'],
  ['linux/arm64/v9', 'linux/arm64/v9'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/7', 'linux/arm/v7'],
  ['linux/arm/v6', 'linux/arm/v6'],
  ['linux/armhf', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['linux/i386', 'linux/386'],
  ['windows/amd64', 'windows/amd64'],
  ['s390x', 'linux/s390x'],
  ['aarch64', 'linux/arm64'],
  ['linux', formatPlatform(hostPlatform())],
];
for (const [text, expected] of parsed)
  test(`${text} is ${expected}`, () => assert.equal(formatPlatform(parsePlatform(text)), expected));

for (const text of [
  '',
  '/',
  'linux/',
  '/amd64',
  'a/b/c/d',
  'linux/am d64',
  'nonsense',
  'linux/\u001b',
  'constructor',
  '__proto__',
])
  test(`${JSON.stringify(text)} is no platform`, () =>
    assert.throws(() => parsePlatform(text), { code: 'E_PLATFORM' }));

const index = (...platforms: (string | { annotations: Record<string, string> } | undefined)[]): Index => ({
  kind: 'index',
  mediaType: '',
  manifests: platforms.map((item, i) => {
    const [os = '', architecture = '', variant] = typeof item === 'string' ? item.split('/') : ['linux', 'amd64'];
    return {
      mediaType: '',
      digest: digestOf(String(i)),
      size: 1,
      annotations: typeof item === 'object' ? item.annotations : {},
      platform: item === undefined ? undefined : { os, architecture, variant, osVersion: undefined },
    };
  }),
});

const attestation = { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } };
/** wanted, index, position of the choice */
const chosen: [string, Index, number][] = [
  ['linux/amd64', index('linux/arm64', 'linux/amd64', 'linux/amd64'), 1],
  ['linux/amd64', index('linux/386', 'linux/amd64'), 1],
  ['linux/amd64', index('windows/amd64', 'linux/386'), 1],
  ['linux/amd64', index('linux/amd64/v2', 'linux/amd64/v1'), 1],
  ['linux/amd64/v3', index('linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'), 1],
  ['linux/arm64', index('linux/arm/v7', 'linux/arm64/v8'), 1],
  ['linux/arm64', index('linux/arm/v6', 'linux/arm/v7'), 1],
  ['linux/arm/v7', index('linux/arm/v5', 'linux/arm/v6', 'linux/arm64'), 1],
  ['linux/arm/v6', index('linux/arm/v7', 'linux/arm/v5'), 1],
  ['linux/arm', index('linux/arm/v6', 'linux/arm'), 1],
  ['linux/s390x', index('linux/amd64', 'LINUX/S390X'), 1],
  ['linux/amd64', index(attestation, 'unknown/unknown', 'linux/amd64'), 2],
  ['linux/amd64', index(undefined, 'linux/amd64'), 1],
  ['linux/amd64', index('linux/arm64', undefined), 1],
];
for (const [wanted, from, position] of chosen) {
  test(`${wanted} from ${from.manifests.map((entry) => entry.platform && formatPlatform(entry.platform))}`, () => {
    assert.equal(selectFromIndex(from, parsePlatform(wanted)), from.manifests[position]);
  });
}

const unmatched: [string, Index][] = [
  ['linux/s390x', index('linux/amd64', 'linux/arm64')],
  ['linux/arm/v6', index('linux/arm/v7', 'linux/arm64')],
  ['linux/amd64', index('linux/amd64/v2')],
  ['linux/amd64', index(attestation, 'unknown/unknown')],
  ['linux/386', index('linux/amd64')],
  ['linux/amd64', index()],
];
for (const [wanted, from] of unmatched) {
  test(`nothing for ${wanted} in ${from.manifests.length} entries`, () => {
    assert.throws(() => selectFromIndex(from, parsePlatform(wanted)), {
      code: 'E_PLATFORM',
      message: `no matching manifest for ${wanted} in the manifest list entries`,
    });
  });
}

test('arm variants by what uname says', () => {
  assert.deepEqual(['armv5tel', 'armv6l', 'armv7l', 'armv8l', 'aarch64'].map(armVariant), [
    'v5',
    'v6',
    'v7',
    'v8',
    'v8',
  ]);
});

test('compatible platforms do not run away', () => {
  assert.ok(compatiblePlatforms(parsePlatform('linux/amd64/v999999999')).length < 100);
  assert.ok(compatiblePlatforms(parsePlatform('linux/arm/vx')).length < 100);
});
