/** What is pushed to a real registry, docker, podman and skopeo pull, and it is told as docker push tells it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeAuthority, makeCertificate } from '../../fixtures/registry/certificates.js';
import { buildImage, buildIndex, type Image } from '../../fixtures/registry/image.js';
import { readRepositories } from '../../store/images/repositories-file.js';
import { digestOf } from '../../store/oci/digest.js';
import { cli } from '../support/cli.js';
import { type CommandResult, dockerdNeeds, run, startDockerd } from '../support/dockerd.js';
import { packFiles, savedFiles } from '../support/image-archives.js';
import { missing } from '../support/needs.js';
import { joeSecret, startDockerRegistry } from '../support/real-registry.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';
import { busyboxImage, siblingImage } from './images.js';

const skip = missing(...dockerdNeeds, 'busybox', 'docker-registry', 'podman', 'skopeo', 'openssl');

const idOf = (image: Image): string => digestOf(image.config);

async function good(result: Promise<CommandResult>): Promise<string> {
  const { status, stdout, stderr } = await result;
  assert.equal(status, 0, stderr);
  return stdout;
}

/** The order in which layers are finished is nobody's promise, nor which of them had to wait. */
function told(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith(': Waiting'))
    .sort();
}

const digestIn = (output: string): string => /digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1] ?? '';

test('images go to a registry and from there to everybody', { skip, timeout: 240_000 }, async (t) => {
  const dir = tempDir(t);
  const at = (name: string) => join(dir, name);
  const root = at('data');
  const registry = await startDockerRegistry(t);
  const { host } = registry;
  const docker = await startDockerd(t);
  const tsimage = (...args: string[]) => good(cli('tsimage', root, args));
  const [busybox, sibling] = [busyboxImage(), siblingImage()];
  const many = buildImage({ layers: [...Array(9).keys()].map((n) => tar(file(`f${n}`, `${n}`))) });
  const archive = packFiles(
    savedFiles(
      { image: busybox, tags: [`${host}/ours/busybox:1`, `${host}/docker/busybox:1`] },
      { image: sibling, tags: [`${host}/ours/sibling:1`, `${host}/docker/sibling:1`] },
      {
        image: many,
        tags: [`${host}/ours/many:1`, `${host}/ours/many:2`, `${host}/docker/many:1`, `${host}/docker/many:2`],
      },
    ),
  );
  writeFileSync(at('images.tar'), archive);
  await tsimage('load', '-i', at('images.tar'));
  await good(docker.docker(['load', '-q', '-i', at('images.tar')]));

  await t.test('the same words in the same cases', async () => {
    for (const args of [['busybox:1'], ['busybox:1'], ['sibling:1'], ['many:1'], ['-q', 'many:1'], ['-a', 'many']]) {
      const command = (who: string) => ['push', ...args.slice(0, -1), `${host}/${who}/${args.at(-1)}`];
      const theirs = await good(docker.docker(command('docker')));
      const ours = await tsimage(...command('ours'));
      const same = (text: string) => text.replaceAll('/docker/', '/ours/').replaceAll('from docker/', 'from ours/');
      const noDigests = (text: string) => told(same(text)).map((line) => line.replace(/digest: .*/, 'digest: …'));
      assert.deepEqual(noDigests(ours), noDigests(theirs), args.join(' '));
    }
    checkStore(root);
  });

  await t.test('what is known afterwards', async () => {
    const manifest = await registry.manifest('ours/busybox', '1');
    const [digest] = JSON.parse(await tsimage('inspect', '-f', '{{json .RepoDigests}}', `${host}/ours/busybox:1`));
    assert.equal(digest, `${host}/ours/busybox@${digestOf(manifest)}`);
    const type = 'application/vnd.docker.distribution.manifest.v2+json';
    const document = JSON.parse(manifest.toString());
    assert.deepEqual([document.schemaVersion, document.mediaType, document.config.digest], [2, type, idOf(busybox)]);
    assert.equal(JSON.stringify(document, null, 3), manifest.toString(), 'as Go indents it');
    // The layers that Docker has not got are the same ones under other digests, which it learns by pulling.
    await good(docker.docker(['pull', '-q', `${host}/ours/busybox:1`]));
    const theirs = await good(docker.docker(['inspect', '-f', '{{json .RepoDigests}}', `${host}/ours/busybox:1`]));
    assert.ok(JSON.parse(theirs).includes(digest), theirs);
  });

  await t.test('docker, podman and skopeo pull it', async (t) => {
    const fresh = await startDockerd(t);
    for (const [name, image] of [
      ['busybox:1', busybox],
      ['sibling:1', sibling],
      ['many:2', many],
    ] as const) {
      const full = `${host}/ours/${name}`;
      await good(fresh.docker(['pull', '-q', full]));
      assert.equal((await good(fresh.docker(['inspect', '-f', '{{.Id}}', full]))).trim(), idOf(image));
      const config = await good(
        run('skopeo', ['inspect', '--tls-verify=false', '--config', '--raw', `docker://${full}`]),
      );
      assert.equal(digestOf(config), idOf(image));
    }
    assert.equal(
      await good(fresh.docker(['run', '--rm', '--network=none', `${host}/ours/busybox:1`, 'echo', 'ran'])),
      'ran\n',
    );
    await fresh.stop();
    const store = ['--root', at('podman'), '--runroot', at('podman-run'), '--storage-driver', 'vfs'];
    const podman = (...args: string[]) => good(run('podman', [...store, ...args]));
    await podman('pull', '-q', '--tls-verify=false', `${host}/ours/busybox:1`);
    assert.match(await podman('images', '--no-trunc', '--format', '{{.ID}}'), new RegExp(idOf(busybox)));
    await podman('push', '-q', '--tls-verify=false', `${host}/ours/busybox:1`, `${host}/podman/busybox:1`);
    const again = at('again');
    await good(cli('tspull', again, [`${host}/podman/busybox:1`]));
    checkStore(again);
  });

  await t.test('an image goes back under the digest that it came by', async (t) => {
    const own = at('own');
    const images = {
      docker: buildImage({ layers: [tar(file('a', 'docker'))] }),
      oci: buildImage({ layers: [tar(file('a', 'oci'))], format: 'oci' }),
      zstd: buildImage({ layers: [tar(file('a', 'zstd'))], format: 'oci', compression: 'zstd' }),
      plain: buildImage({ layers: [tar(file('a', 'plain'))], format: 'oci', compression: 'none' }),
    };
    const other = await startDockerRegistry(t);
    for (const [kind, image] of Object.entries(images)) {
      await registry.push(`origin/${kind}`, '1', image);
      await good(cli('tspull', own, [`${host}/origin/${kind}:1`]));
      for (const target of [`${host}/origin/${kind}:2`, `${host}/moved/${kind}:1`]) {
        await good(cli('tsimage', own, ['tag', `${host}/origin/${kind}:1`, target]));
        assert.equal(digestIn(await good(cli('tsimage', own, ['push', target]))), image.manifest.digest, target);
      }
      // Elsewhere no blob is there: gzip and plain archives come out the same, zstd becomes gzip.
      const target = `${other.host}/far/${kind}:1`;
      await good(cli('tsimage', own, ['tag', `${host}/origin/${kind}:1`, target]));
      const pushed = digestIn(await good(cli('tsimage', own, ['push', target])));
      assert.equal(pushed === image.manifest.digest, kind !== 'zstd', kind);
      await good(docker.docker(['pull', '-q', target]));
      const id = await good(docker.docker(['inspect', '-f', '{{.Id}}', target]));
      assert.equal(id.trim(), idOf(image));
    }
    checkStore(own);
  });

  await t.test('an index goes with all its images, or not at all', async (t) => {
    const own = at('indexed');
    const build = (architecture: string) =>
      buildImage({ layers: [tar(file('a', architecture))], platform: { os: 'linux', architecture } });
    const [amd, arm] = [build('amd64'), build('arm64')];
    const index = buildIndex([amd, arm]);
    for (const image of [amd, arm]) await registry.push('origin/both', image.manifest.digest, image);
    await registry.pushDocument('origin/both', '1', index);
    const other = await startDockerRegistry(t);
    const target = `${other.host}/moved/both:1`;
    const tsimageHere = (...args: string[]) => cli('tsimage', own, args);
    await good(cli('tspull', own, [`${host}/origin/both:1`, '--platform', 'linux/amd64']));
    await good(tsimageHere('tag', `${host}/origin/both:1`, target));
    const alone = await tsimageHere('push', '--index', target);
    assert.equal(alone.status, 1);
    assert.match(alone.stderr, /manifest sha256:\w+ for linux\/arm64 is neither here nor in/);
    await good(cli('tspull', own, [`${host}/origin/both:1`, '--platform', 'linux/amd64,linux/arm64']));
    assert.match(await good(tsimageHere('push', '--index', target)), new RegExp(`^1: digest: ${index.digest} `, 'm'));
    const raw = await good(run('skopeo', ['inspect', '--tls-verify=false', '--raw', `docker://${target}`]));
    assert.equal(raw, index.bytes.toString());
    for (const [architecture, image] of [
      ['amd64', amd],
      ['arm64', arm],
    ] as const) {
      const inspect = ['inspect', '--tls-verify=false', '--override-arch', architecture, '--config', '--raw'];
      assert.equal(digestOf(await good(run('skopeo', [...inspect, `docker://${target}`]))), idOf(image));
    }
    assert.match((await tsimageHere('push', '--index', `${other.host}/none:1`)).stderr, /does not exist locally/);
    checkStore(own);
  });

  await t.test('by TLS and with a login', async (t) => {
    const own = at('secured');
    const authority = makeAuthority(tempDir(t));
    const { certFile, keyFile } = makeCertificate(authority, 'server', ['IP:127.0.0.1']);
    const guarded = await startDockerRegistry(t, { htpasswd: joeSecret });
    const secure = await guarded.serveTls({ certificate: certFile, key: keyFile });
    const env = { DOCKER_CONFIG: at('docker-config'), HOME: at('home') };
    const here = (...args: string[]) => cli('tsimage', own, args, { env });
    await good(here('load', '-i', at('images.tar')));
    const name = `${secure}/x/busybox:1`;
    await good(here('tag', `${host}/ours/busybox:1`, name));
    const stranger = await here('push', name);
    assert.match(stranger.stderr, /certificate signed by unknown authority/);
    const guest = await here('push', '--ca', authority.caFile, name);
    assert.equal(guest.status, 1);
    assert.match(guest.stderr, /^tsimage: no basic auth credentials$/m);
    const login = ['login', '-u', 'joe', '--password-stdin', '--ca', authority.caFile, secure];
    assert.equal(await good(cli('tsimage', own, login, { env, input: 'secret' })), 'Login Succeeded\n');
    const pushed = await good(here('push', '--ca', authority.caFile, name));
    await good(
      cli('tspull', at('secured-again'), [`${secure}/x/busybox@${digestIn(pushed)}`, '--ca', authority.caFile], {
        env,
      }),
    );
    assert.equal(readRepositories(at('secured-again')).get(`${secure}/x/busybox`)?.size, 1);
    await good(here('logout', secure));
    assert.equal((await here('push', '--ca', authority.caFile, name)).status, 1);
  });

  await docker.stop();
});
