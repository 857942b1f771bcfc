import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { manifestsDir } from '../../../store/data-root.js';
import { hexOf } from '../../../store/oci/digest.js';
import { openForWriting } from '../../../store/store.js';
import { makeImages } from '../../support/image-root.js';
import { missing } from '../../support/needs.js';
import { tempDir } from '../../support/temp.js';

test('a writer removes what killed ones left of documents', { skip: missing('root') }, async (t) => {
  const root = tempDir(t);
  const [id] = await makeImages(root, [{ layers: ['a'], tags: ['a:1'] }]);
  assert.ok(id);
  const [kept, orphan] = [manifestsDir(root, hexOf(id)), manifestsDir(root, 'f'.repeat(64))];
  const home = join(root, 'image/overlay2');
  for (const dir of [kept, orphan]) mkdirSync(dir, { recursive: true });
  for (const path of [
    join(kept, 'm'),
    join(kept, '.tmp-m-1'),
    join(orphan, 'm'),
    join(home, '.tmp-repositories.json-1'),
  ])
    writeFileSync(path, '');
  writeFileSync(join(home, 'imagedb/content/sha256/.tmp-x-2'), '');
  (await openForWriting(root)).close();
  assert.deepEqual(readdirSync(kept), ['m']);
  assert.equal(existsSync(orphan), false);
  assert.deepEqual(
    readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.tmp-')),
    [],
  );
});
