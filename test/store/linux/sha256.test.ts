import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLibrary } from '../../../store/linux/libc.js';
import { loadedSha256 } from '../../../store/linux/sha256.js';
import { digestOf } from '../../../store/oci/digest.js';

test('the digest by Node’s own OpenSSL is that of node:crypto', () => {
  assert.ok(openLibrary('libc.so.6') !== undefined);
  for (const size of [0, 1, 55, 56, 63, 64, 65, 4096, 100_001]) {
    const bytes = randomBytes(size);
    const expected = createHash('sha256').update(bytes).digest();
    assert.deepEqual(loadedSha256(bytes), expected, `${size} bytes`);
    assert.equal(digestOf(bytes), `sha256:${expected.toString('hex')}`);
  }
  assert.equal(digestOf('häßlich'), `sha256:${createHash('sha256').update('häßlich').digest('hex')}`);
});

test('nothing native is loaded for a digest', () => {
  const module = join(import.meta.dirname, '../../../store/linux/sha256.js');
  const script = `import { loadedSha256 } from ${JSON.stringify(module)}; console.log(loadedSha256('x'));`;
  assert.equal(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
    'undefined\n',
  );
});
