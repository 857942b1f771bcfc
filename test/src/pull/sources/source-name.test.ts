import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSource } from '../../../../src/pull/sources/source-name.js';

const registry = (name: string) => ({ kind: 'registry', name });
const archive = (kind: string, path: string, wish?: object) => ({ kind, path, wish });

const sources: [text: string, source: object][] = [
  ['ubuntu', registry('ubuntu')],
  ['docker.io/library/oci:latest', registry('docker.io/library/oci:latest')],
  ['docker://host:5000/x:1', registry('host:5000/x:1')],
  ['docker:24', registry('docker:24')],
  ['oci-archives:1', registry('oci-archives:1')],
  ['docker-archive:a.tar', archive('docker-archive', 'a.tar')],
  ['docker-archive:a.tar:', archive('docker-archive', 'a.tar')],
  ['docker-archive:/x/a.tar:host:5000/x:1', archive('docker-archive', '/x/a.tar', { name: 'host:5000/x:1' })],
  ['docker-archive:-', archive('docker-archive', '-')],
  ['docker-archive:-:x', archive('docker-archive', '-', { name: 'x' })],
  ['docker-archive:a.tar:@0', archive('docker-archive', 'a.tar', { place: 0 })],
  ['oci-archive:a b.tar:@12', archive('oci-archive', 'a b.tar', { place: 12 })],
  ['oci:dir', archive('oci', 'dir')],
  ['oci:.:16.04', archive('oci', '.', { name: '16.04' })],
  ['docker-daemon:busybox:1', { kind: 'docker-daemon', name: 'busybox:1' }],
];

for (const [text, source] of sources)
  test(`${text} is understood`, () => {
    assert.deepEqual(parseSource(text), source);
  });

for (const text of ['docker-archive:', 'oci:', 'oci-archive::x', 'oci:dir:@', 'oci:dir:@-1', 'docker-archive:a:@x'])
  test(`${text} is refused`, () => {
    assert.throws(() => parseSource(text), { code: 'E_USAGE' });
  });
