import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { SHORT_BYTES, sha256OfShort } from '../../../store/oci/sha256.js';

const ofNode = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

test('digests are those of OpenSSL, at every length around the ends of blocks', () => {
  const data = randomBytes(SHORT_BYTES);
  for (let length = 0; length <= 300; length++)
    assert.equal(sha256OfShort(data.subarray(0, length)), ofNode(data.subarray(0, length)), `${length} bytes`);
  assert.equal(sha256OfShort(data), ofNode(data));
  assert.equal(sha256OfShort(Buffer.alloc(1000, 0xff)), ofNode(Buffer.alloc(1000, 0xff)));
});

test('FIPS 180-4: the examples', () => {
  assert.equal(sha256OfShort(Buffer.from('abc')), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(
    sha256OfShort(Buffer.from('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')),
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  );
});
