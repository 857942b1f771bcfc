import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Crc64 } from '../../../store/tar/crc64.js';

// Computed by Go's hash/crc64 with its ISO table.
const known: [text: string, base64: string][] = [
  ['123456789', 'uQlWx3WkEAE='],
  ['hello', 'PD7u4tgQAAA='],
  ['hi\n', 'YUmYEAAAAAA='],
  ['x', 'IxAAAAAAAAA='],
];

test('known checksums', () => {
  for (const [text, base64] of known) {
    const crc = new Crc64();
    crc.update(Buffer.from(text), 0, text.length);
    assert.equal(crc.base64(), base64, text);
  }
});

test('any division and alignment gives the same checksum as bit by bit', () => {
  const bytes = Buffer.from(Array.from({ length: 9001 }, (_, i) => (i * i + 7 * i) & 0xff));
  let reference = 0xffffffffffffffffn;
  for (const byte of bytes) {
    reference ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++)
      reference = reference & 1n ? (reference >> 1n) ^ 0xd800000000000000n : reference >> 1n;
  }
  const expected = Buffer.alloc(8);
  expected.writeBigUInt64BE(BigInt.asUintN(64, ~reference));
  for (const step of [1, 3, 8, 17, 512, 4096, 9001]) {
    const crc = new Crc64();
    for (let at = 0; at < bytes.length; at += step) crc.update(bytes, at, Math.min(at + step, bytes.length));
    assert.equal(crc.base64(), expected.toString('base64'), `steps of ${step}`);
    crc.reset();
    crc.update(Buffer.from('hello'), 0, 5);
    assert.equal(crc.base64(), 'PD7u4tgQAAA=');
  }
});
