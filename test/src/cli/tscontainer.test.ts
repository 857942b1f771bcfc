import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tsrun } from '../../support/tsrun.js';

const skip = missing('root', 'busybox');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');

function program(name: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const file = fileURLToPath(new URL(`../../../src/cli/${name}.js`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, '--root', root, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('a container that ended is listed and removed; what is unknown is said', { skip }, () => {
  assert.equal(tsrun(root, ['--name', 'kept', 'bb', 'sh', '-c', 'exit 4']).status, 4);
  assert.match(program('tscontainer', 'ls').stdout, /^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n$/);
  assert.match(program('tscontainer', 'ps', '-a').stdout, / bb .*"sh -c 'exit 4'" .* Exited \(4\) .* ago +kept\n$/);
  const id = program('tscontainer', 'ls', '-aq', '--no-trunc').stdout.trim();
  assert.match(id, /^[0-9a-f]{64}$/);
  const removed = program('tscontainer', 'rm', 'nosuch', id.slice(0, 7));
  assert.deepEqual([removed.status, removed.stdout], [1, `${id.slice(0, 7)}\n`]);
  assert.match(removed.stderr, /No such container: nosuch/);
  assert.equal(program('tscontainer', 'ls', '-aq').stdout, '');
});

test('layers of an image that was removed by force go with its last container', { skip }, () => {
  tsrun(root, ['--name', 'last', 'bb', 'true']);
  assert.equal(program('tsimage', 'rm', '-f', 'bb').status, 0);
  const layers = () => readdirSync(join(root, 'image/overlay2/layerdb/sha256')).length;
  assert.equal(layers(), 1);
  assert.equal(program('tscontainer', 'rm', 'last').status, 0);
  assert.equal(layers(), 0);
  assert.deepEqual(readdirSync(join(root, 'overlay2')), ['l']);
});
