/** What is staged can be removed again, whatever the layer was. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDataRoot, stagingDir } from '../../../store/data-root.js';
import { stageLayer, sweepStaging } from '../../../store/layers/staging.js';
import { extractTo } from '../../support/layer.js';
import { missing } from '../../support/needs.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root');
/** As long as a path may be, so that a path with the data root in front of it is too long for the kernel. */
const longest = tar({ ...file('x'), pax: { path: `${'d/'.repeat(2047)}f` } });

test('a layer with the longest of paths is discarded', { skip }, (t) => {
  const root = join(tempDir(t), 'root');
  makeDataRoot(root);
  const staged = stageLayer(root);
  extractTo({ dir: staged.layer, archive: longest });
  staged.discard();
  assert.deepEqual(readdirSync(stagingDir(root)), []);
});

test('a layer with the longest of paths, left by a process that died, is swept', { skip }, (t) => {
  const root = join(tempDir(t), 'root');
  makeDataRoot(root);
  extractTo({ dir: join(stagingDir(root), 'left', 'layer'), archive: longest });
  sweepStaging(root);
  assert.deepEqual(readdirSync(stagingDir(root)), []);
});
