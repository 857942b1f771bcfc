/** Data roots of a real dockerd: no false alarm, whatever it does; and repairs of what it pulled. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fsck } from '../../src/fsck/fsck.js';
import { listLayers, readLayer } from '../../store/layers/layer-db.js';
import { type Dockerd, dockerdNeeds, run, startDockerd } from '../support/dockerd.js';
import { startNaiveDockerd } from '../support/naive-dockerd.js';
import { missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { tempDir } from '../support/temp.js';
import { busyboxImage, siblingImage } from './images.js';

const skip = missing(...dockerdNeeds, 'docker-registry', 'busybox', 'tar', 'strace');

/** With BuildKit, which takes its context from a server: the command line of today wants a plugin for that. */
async function buildWithBuildKit(daemon: Dockerd, context: string, tag: string): Promise<void> {
  const archive = readFileSync(context);
  const server = createServer((_, response) => response.end(archive)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    const remote = encodeURIComponent(`http://127.0.0.1:${(server.address() as AddressInfo).port}/context.tar`);
    const path = `/build?version=2&networkmode=none&t=${tag}&remote=${remote}`;
    const text = await new Promise<string>((resolve, reject) => {
      const options = { socketPath: daemon.host.slice('unix://'.length), method: 'POST', path };
      const asked = request(options, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.once('end', () => resolve(Buffer.concat(parts).toString()));
      });
      asked.once('error', reject).end();
    });
    assert.match(text, /Successfully tagged/);
  } finally {
    server.close();
  }
}

async function assertClean(root: string, when: string): Promise<number> {
  const { findings, layers } = await fsck({ root });
  const shown = findings.map(({ path, problem, expected, found }) => [path, problem, expected, found]);
  assert.deepEqual(shown, [], when);
  return layers;
}

async function everything(t: TestContext, daemon: Dockerd): Promise<void> {
  const registry = await startDockerRegistry(t);
  await registry.push('lib/busybox', '1', busyboxImage());
  await registry.push('lib/sibling', '1', siblingImage());
  const { root } = daemon;
  const docker = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await daemon.docker(args);
    assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const folder = tempDir(t);
  const image = `${registry.host}/lib/busybox:1`;
  await assertClean(root, 'nothing pulled yet');
  for (const name of [image, `${registry.host}/lib/sibling:1`]) await docker('pull', '-q', name);
  await assertClean(root, 'pulled');
  // It mounts the top layer for that, writable.
  await docker('save', '-o', join(folder, 'saved.tar'), image);
  await assertClean(root, 'saved');
  await docker('run', '-d', '--network=none', '--name=runs', image, 'sleep', '100');
  await docker('run', '--network=none', '--name=ended', image, 'sh', '-c', 'echo hi > /x; rm -rf /odd; mkdir /odd');
  await docker('create', '--network=none', '--name=created', image, 'sleep', '1');
  await assertClean(root, 'containers');
  await docker('commit', 'ended', 'committed:1');
  await docker('export', '-o', join(folder, 'exported.tar'), 'ended');
  await docker('import', join(folder, 'exported.tar'), 'imported:1');
  const context = join(folder, 'context');
  mkdirSync(context);
  const steps = [
    'echo a > /a; mkdir -p /q/w; touch -d "2001-01-01 00:00:00" /q/w/z; rm -rf /home; mknod /pipe p',
    'mkdir -p /home/new',
  ];
  writeFileSync(
    join(context, 'Dockerfile'),
    [`FROM ${image}`, ...steps.map((step) => `RUN ${step}`), 'COPY Dockerfile /odd/\n'].join('\n'),
  );
  const built = await run('docker', ['-H', daemon.host, 'build', '-q', '--network=none', '-t', 'built:1', context], {
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  });
  assert.equal(built.status, 0, built.stderr);
  await run('tar', ['-C', context, '-cf', join(folder, 'context.tar'), '.']);
  await buildWithBuildKit(daemon, join(folder, 'context.tar'), 'buildkit:1');
  const most = await assertClean(root, 'built, committed, imported');
  assert.ok(most > 10);
  await docker('rm', '-f', 'ended');
  await docker('rmi', '-f', 'imported:1', 'built:1');
  await assertClean(root, 'removed');
  await daemon.kill();
  await assertClean(root, 'the daemon was killed');
}

test('a dockerd that unpacks natively', { skip, timeout: 180_000 }, async (t) => {
  const daemon = await startDockerd(t);
  await everything(t, daemon);
});

test('a dockerd that unpacks through mounts', { skip, timeout: 180_000 }, async (t) => {
  const daemon = await startNaiveDockerd(t);
  assert.match((await daemon.docker(['info'])).stdout, /Native Overlay Diff: false/);
  await everything(t, daemon);
});

test('a repair of what dockerd pulled', { skip, timeout: 120_000 }, async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.push('lib/busybox', '1', busyboxImage());
  const name = `${registry.host}/lib/busybox:1`;
  const daemon = await startDockerd(t);
  assert.equal((await daemon.docker(['pull', '-q', name])).status, 0);
  assert.equal(
    (await daemon.docker(['create', '--network=none', '--name=kept', name, 'cat', '/etc/passwd'])).status,
    0,
  );
  const { root } = daemon;
  await assert.rejects(fsck({ root, repair: true }), { code: 'E_STORE_BUSY' });
  await daemon.stop();
  const cacheIds = listLayers(root).map((chainId) => readLayer(root, chainId)?.cacheId ?? '');
  const damaged = cacheIds.map((id) => join(root, 'overlay2', id, 'diff/etc/passwd')).find((path) => existsSync(path));
  assert.ok(damaged);
  const good = readFileSync(damaged, 'utf8');
  writeFileSync(damaged, 'rotten');
  const [link] = readdirSync(join(root, 'overlay2/l'));
  rmSync(join(root, 'overlay2/l', link ?? ''));
  const blobs = () =>
    registry
      .log()
      .split('\n')
      .filter((line) => /"GET .*blobs\/sha256/.test(line)).length;
  const before = blobs();
  const report = await fsck({ root, repair: true });
  assert.ok(report.clean, JSON.stringify(report.findings));
  assert.ok(blobs() - before <= 1, 'more than one blob was asked for');
  assert.equal(readFileSync(damaged, 'utf8'), good);
  const again = await startDockerd(t, { root });
  assert.equal((await again.docker(['start', '-a', 'kept'])).stdout, good);
  assert.equal((await again.docker(['save', '-o', join(tempDir(t), 'x.tar'), name])).status, 0);
});
