import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundledProgram } from '../../support/cli.js';
import { run } from '../../support/dockerd.js';
import { missing } from '../../support/needs.js';
import { serveImage } from '../../support/serve.js';
import { file, tar } from '../../support/tar-builder.js';
import { tempDir } from '../../support/temp.js';

const skip = missing('root', 'script', 'timeout');

for (const [rows, columns] of [
  [24, 80],
  [5, 10],
  [0, 0],
])
  test(`a pull on a terminal of ${columns} columns and ${rows} lines ends, and ends with the digest`, {
    skip,
  }, async (t) => {
    const { image, name } = await serveImage(t, { layers: [tar(file('a', 'a')), tar(file('b', 'b'))] });
    const pull = `stty rows ${rows} cols ${columns}; timeout -s KILL 20 node ${bundledProgram('tspull')} --root ${join(tempDir(t), 'root')} ${name}`;
    const { CI: _, ...others } = process.env;
    const env = { ...others, TERM: 'xterm' };
    const { status, stdout } = await run('script', ['-qec', pull, '/dev/null'], { env });
    assert.equal(status, 0, stdout.slice(0, 1000));
    assert.match(stdout, new RegExp(`Digest: ${image.manifest.digest}\r\nStatus: Downloaded newer image for ${name}`));
  });
