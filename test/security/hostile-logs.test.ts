/** What a container prints, and where it is written (C06). */
import assert from 'node:assert/strict';
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { containerFiles } from '../../src/containers/container-files.js';
import { containers } from '../../src/library/containers.js';
import { cli } from '../support/cli.js';
import { addImage, busybox, layerRoot } from '../support/layer-root.js';
import { missing } from '../support/needs.js';
import { tempDir } from '../support/temp.js';
import { tsrun } from '../support/tsrun.js';

const skip = missing('root', 'busybox');
// The containers go first: their mounts keep the root from being removed.
if (!skip)
  after(async () => {
    for (const name of readdirSync(join(root, 'tspull/names'))) await cli('tscontainer', root, ['rm', '-f', name]);
  });
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');
const container = (...args: string[]) => cli('tscontainer', root, args);

async function ended(name: string, ...command: string[]): Promise<string> {
  const started = await cli('tsrun', root, ['-d', '--name', name, 'bb', ...command]);
  assert.equal(started.status, 0, started.stderr);
  assert.equal((await container('wait', name)).status, 0);
  return readlinkSync(join(root, 'tspull/names', name));
}

test('C06 a log that was replaced by a link is not written through it', { skip, timeout: 60_000 }, async (t) => {
  const id = await ended('linked', 'echo', 'hello');
  const { log } = containerFiles(root, id);
  assert.equal((await container('logs', 'linked')).stdout, 'hello\n');
  const canary = join(tempDir(t), 'canary');
  writeFileSync(canary, 'untouched\n');
  renameSync(log, `${log}.kept`);
  symlinkSync(canary, log);
  const again = await container('start', 'linked');
  assert.doesNotMatch(again.stderr, /internal error/);
  for (let waited = 0; waited < 2000; waited += 50) {
    assert.equal(readFileSync(canary, 'utf8'), 'untouched\n');
    await delay(50);
  }
});

test('C06 64 MiB without a newline, and bytes that are no text: bounded memory, and nothing is lost', {
  skip,
  timeout: 60_000,
}, async () => {
  const id = await ended('long', 'sh', '-c', 'head -c 67108864 /dev/zero | tr "\\0" a');
  const { log } = containerFiles(root, id);
  // JSON and pieces of 16 KiB add less than a hundredth.
  assert.ok(statSync(log).size < 68_000_000);
  let bytes = 0;
  for await (const entry of containers.logs('long', { root })) bytes += entry.log.length;
  assert.equal(bytes, 67_108_864);
  // The end of a log is told by a program that may not hold all of it.
  const last = tsrun(root, [], {
    shell: 'NODE_OPTIONS=--max-old-space-size=40 $(echo $TSRUN | sed s/tsrun.js/tscontainer.js/) logs --tail 1 long',
  });
  assert.deepEqual([last.status, last.stdout.length], [0, 16 * 1024], last.stderr.slice(-300));
  const binary = await ended('binary', 'sh', '-c', 'printf "\\000\\377\\033[31m\\n"; head -c 100000 /dev/urandom');
  const lines = readFileSync(containerFiles(root, binary).log, 'utf8').trimEnd().split('\n');
  for (const line of lines) assert.equal(JSON.parse(line).stream, 'stdout');
  assert.ok(existsSync(log));
});
