/** Every file and every directory of a data root deleted in turn: found, put right, and no pull stumbles. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fsck } from '../../../src/fsck/fsck.js';
import { pull } from '../../../src/pull/pull.js';
import { makeFsckRoot } from '../../support/fsck-root.js';
import { isLongForm } from '../../support/long-form.js';
import { missing } from '../../support/needs.js';
import { checkStore } from '../../support/store-state.js';

/** What any writer makes when it is not there; what lies there only for a while; and what older versions do not have. */
const needless = new RegExp(
  `^\\./(?:${[
    'tspull(?:$|/(?:lock|locks|staging|partial|containers|unproven|layers|manifests|used|reserve)(?:$|/))',
    'volumes',
    'image/overlay2/(?:layerdb/mounts|imagedb/metadata)',
  ].join('|')})`,
);

test('each file and directory', { skip: missing('root'), timeout: 600_000 }, async (t) => {
  const { root: good, name, layerRequests } = await makeFsckRoot(t);
  const root = `${good}-damaged`;
  const all = execFileSync('find', ['.', '-mindepth', '1'], { cwd: good, encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
  const paths = isLongForm ? all : all.filter((_, at) => at % 4 === 0);
  let found = 0;
  for (const path of paths) {
    const restore = () => {
      execFileSync('rm', ['-rf', root]);
      execFileSync('cp', ['-a', good, root]);
      rmSync(join(root, path), { recursive: true });
    };
    restore();
    const { clean } = await fsck({ root });
    assert.equal(clean, needless.test(path), `${path} is gone, and fsck says ${clean ? 'clean' : 'otherwise'}`);
    if (!clean) found++;
    const before = layerRequests().length;
    const repaired = await fsck({ root, repair: true });
    assert.ok(repaired.clean, `${path}: ${JSON.stringify(repaired.findings.filter((finding) => !finding.repaired))}`);
    assert.ok(layerRequests().length - before <= (path.split('/').length < 5 ? 4 : 1), `${path} cost too many blobs`);
    checkStore(root);
    await pull(name, { root });
    checkStore(root);
    // Without a repair before it.
    restore();
    await pull(name, { root });
    assert.ok((await fsck({ root, repair: true })).clean, path);
  }
  assert.ok(found > paths.length / 2);
});
