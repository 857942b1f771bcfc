/** The thread that unpacks a layer has given up to change anything but the data root. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { addImage, emptyContents } from '../../../fixtures/registry/contents.js';
import { buildImage } from '../../../fixtures/registry/image.js';
import { startRegistry } from '../../../fixtures/registry/registry.js';
import { bundledProgram } from '../../support/cli.js';
import { run } from '../../support/dockerd.js';
import { missing } from '../../support/needs.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

test('a pull confines its workers before they read a byte', { skip: missing('root', 'strace') }, async (t) => {
  const contents = emptyContents();
  const layer = tar(file('large', '', { content: Buffer.alloc(2_000_000, 'x') }));
  addImage(contents, 'lib/x', '1', buildImage({ layers: [layer], compression: 'none' }));
  const registry = await startRegistry({ contents });
  t.after(() => registry.close());
  const dir = tempDir(t);
  const log = join(dir, 'log');
  const args = ['-f', '-o', log, '-e', 'trace=landlock_create_ruleset,landlock_restrict_self,openat,connect'];
  const pull = [
    process.execPath,
    bundledProgram('tspull'),
    '-q',
    '--root',
    join(dir, 'root'),
    `${registry.host}/lib/x:1`,
  ];
  const { status, stderr } = await run('strace', [...args, ...pull]);
  assert.equal(status, 0, stderr);
  const lines = readFileSync(log, 'utf8').split('\n');
  const version = /landlock_create_ruleset\(NULL.*= (\d+)$/m.exec(lines.join('\n'))?.[1];
  if (Number(version ?? 0) < 2) {
    t.skip('this kernel has no Landlock of use');
    return;
  }
  const at = lines.findIndex((line) => /landlock_restrict_self\(.*= 0$/.test(line));
  assert.ok(at >= 0);
  const [worker] = (lines[at] ?? '').split(' ');
  const made = lines.findIndex((line) => line.includes('/diff') && line.startsWith(`${worker} `));
  assert.ok(made > at, 'it opens the layer afterwards');
});
