import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildImage } from '../../../../fixtures/registry/image.js';
import { pull } from '../../../../src/pull/pull.js';
import type { PullEvent } from '../../../../src/pull/pull-event.js';
import { dockerArchive, fixture, idOf, one } from '../../../support/archive-fixture.js';
import { bundledProgram, cli } from '../../../support/cli.js';
import { layoutFiles, packFiles, savedFiles, writeFiles } from '../../../support/image-archives.js';
import { missing } from '../../../support/needs.js';
import { checkStore } from '../../../support/store-state.js';
import { file, tar } from '../../../support/tar-builder.js';
import { tempDir } from '../../../support/temp.js';

const skip = missing('root');

test('compressed as a whole, and from a pipe', { skip: missing('root', 'zstd') }, async (t) => {
  const archive = packFiles(savedFiles({ image: one, tags: ['one:1'] }));
  for (const bytes of [gzipSync(archive), execFileSync('zstd', ['-qc'], { input: archive })]) {
    const compressed = fixture(t, 'docker-archive', bytes);
    const received: number[] = [];
    await compressed.pull('', { onEvent: (event) => event.type === 'receiving' && received.push(event.bytes) });
    assert.deepEqual(compressed.names(), { 'one:1': idOf(one) });
    assert.equal(received.at(-1), bytes.length);
    checkStore(compressed.root);
  }
  const folder = tempDir(t);
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  const root = join(folder, 'root');
  const pulling = pull(`docker-archive:${folder}/fifo`, { root });
  writeFileSync(join(folder, 'archive'), archive);
  execFileSync('sh', ['-c', 'cat archive > fifo &'], { cwd: folder, stdio: 'ignore' });
  assert.equal((await pulling).id, idOf(one));
  for (const [source, input] of [
    ['-', archive],
    ['/dev/stdin', gzipSync(archive)],
  ] as const) {
    const piped = await cli('tspull', join(folder, `piped-${input.length}`), [`docker-archive:${source}`], { input });
    assert.deepEqual([piped.status, piped.stdout], [0, 'docker.io/library/one:1\n'], piped.stderr);
    assert.match(piped.stderr, /^Pulling from docker-archive:[^\n]*\n[0-9a-f]{12}: Pulling fs layer\n/);
    assert.match(piped.stderr, /Status: Downloaded newer image for one:1\n$/);
  }
  const shell = `"$0" "$1" --root redirected -q docker-archive:- < archive`;
  const program = bundledProgram('tspull');
  const redirected = execFileSync('sh', ['-c', shell, process.execPath, program], { cwd: folder, encoding: 'utf8' });
  assert.equal(redirected, 'docker.io/library/one:1\n');
});

test('a cancelled pull ends, and leaves nothing', { skip }, async (t) => {
  const big = buildImage({
    layers: [tar(file('big', '', { content: Buffer.alloc(30_000_000, 'ab') }))],
    compression: 'none',
  });
  const archive = dockerArchive(t, savedFiles({ image: big, tags: ['big:1'] }));
  const abort = new AbortController();
  const onEvent = (event: PullEvent) =>
    void (event.type === 'layer' && event.status === 'downloading' && abort.abort());
  await assert.rejects(archive.pull('', { signal: abort.signal, onEvent }), { code: 'E_CANCELLED' });
  checkStore(archive.root);
  // Nobody opens this pipe; then somebody does, and never writes.
  const fifo = join(tempDir(t), 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const open of [() => undefined, () => openSync(fifo, 'r+')]) {
    open();
    const waiting = new AbortController();
    const pulling = pull(`docker-archive:${fifo}`, { root: archive.root, signal: waiting.signal });
    setTimeout(() => waiting.abort(), 30);
    await assert.rejects(pulling, { code: 'E_CANCELLED' });
    checkStore(archive.root);
  }
});

test('sources that are not there, or of another kind', { skip }, async (t) => {
  const folder = tempDir(t);
  const root = join(folder, 'root');
  mkdirSync(join(folder, 'empty'));
  writeFiles(join(folder, 'layout'), layoutFiles({ image: one }));
  writeFileSync(join(folder, 'archive.tar'), packFiles(savedFiles({ image: one })));
  writeFileSync(join(folder, 'layout.tar'), packFiles(layoutFiles({ image: one })));
  writeFileSync(join(folder, 'nothing'), '');
  for (const [source, code, hint] of [
    ['docker-archive:gone.tar', 'E_NOT_FOUND'],
    ['oci:gone', 'E_NOT_FOUND'],
    ['oci:archive.tar', 'E_ARCHIVE', /write oci-archive:/],
    ['docker-archive:layout', 'E_ARCHIVE', /write oci:/],
    ['docker-archive:layout.tar', 'E_ARCHIVE', /write oci-archive:/],
    ['oci-archive:archive.tar', 'E_ARCHIVE', /write docker-archive:/],
    ['oci:empty', 'E_ARCHIVE'],
    ['docker-archive:nothing', 'E_ARCHIVE'],
    ['oci-archive:/dev/null', 'E_ARCHIVE'],
  ] as const)
    await assert.rejects(
      pull(source.replace(':', `:${source.includes('/') ? '' : `${folder}/`}`), { root }),
      (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, code, `${source}: ${error.stack}`);
        assert.match(error.hint ?? '', hint ?? /^/, source);
        return true;
      },
    );
});
