/** Several machines with one cache between them and the registry: Debian's docker-registry on both sides. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { buildImage } from '../../fixtures/registry/image.js';
import { digestOf } from '../../store/oci/digest.js';
import { bundledProgram } from '../support/cli.js';
import { configDir, hostsToml } from '../support/config-files.js';
import { type Machine, needs, startNetwork } from '../support/namespaces.js';
import { findProgram, missing } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { checkStore } from '../support/store-state.js';
import { file, tar } from '../support/tar-builder.js';
import { tempDir } from '../support/temp.js';

interface Registry {
  host: string;
  log(): string;
  stop(): Promise<void>;
}

/** @param more lines of its configuration */
async function startOn(t: TestContext, machine: Machine, store: string, more = ''): Promise<Registry> {
  const folder = tempDir(t);
  const host = `${machine.address}:5000`;
  const config = join(folder, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: ${store}}}\nhttp: {addr: "${host}", secret: x}\n${more}`,
  );
  const logFile = join(folder, 'log');
  const output = openSync(logFile, 'a');
  const child = machine.start(findProgram('docker-registry') ?? 'docker-registry', ['serve', config], output);
  closeSync(output);
  const log = () => readFileSync(logFile, 'utf8');
  for (const limit = Date.now() + 15_000; !log().includes('listening on'); await delay(20))
    if (child.exitCode !== null || Date.now() > limit) throw new Error(`docker-registry did not start:\n${log()}`);
  const stop = () =>
    new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  return { host, log, stop };
}

/** Digests of blobs that were asked for by GET, from the access log. */
function blobsServed(log: string): string[] {
  return [...log.matchAll(/"GET \/v2\/\S+\/blobs\/(sha256:[0-9a-f]{64})\S* HTTP\/[\d.]+" 20[06] /g)].map(
    ([, it = '']) => it,
  );
}

test('three machines pull through one cache: the registry serves each blob for the first one only', {
  skip: missing(...needs, 'docker-registry'),
}, async (t) => {
  const image = buildImage({
    layers: [tar(file('a', 'a')), tar({ name: 'b', content: randomBytes(3_000_000) }), tar(file('c', 'c'))],
  });
  const upload = await startDockerRegistry(t);
  await upload.push('lib/x', '1', image);
  const [first, second, ...clients] = startNetwork(t, 5);
  assert.ok(first && second && clients.length === 3);
  const origin = await startOn(t, first, upload.store);
  const cache = await startOn(t, second, tempDir(t), `proxy: {remoteurl: "http://${origin.host}"}\n`);
  const toml = `server = "http://${origin.host}"\n[host."http://${cache.host}"]\ncapabilities = ["pull", "resolve"]\n`;
  const etc = configDir(t, { [hostsToml(origin.host)]: toml });
  const name = `${origin.host}/lib/x:1`;
  const pullOn = async (machine: Machine) => {
    const root = join(tempDir(t), 'root');
    const env = { ...process.env, TSPULL_CONFIG_DIR: etc, TSPULL_ROOT: root };
    const { status, stdout, stderr } = await machine.run(process.execPath, [bundledProgram('tspull'), name], { env });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, `${name}\n`);
    checkStore(root);
    const repositories = readFileSync(join(root, 'image/overlay2/repositories.json'), 'utf8');
    assert.ok(repositories.includes(`${origin.host}/lib/x@${image.manifest.digest}`));
    return stderr;
  };
  const blobs = [image.config, ...image.layers].map((blob) => digestOf(blob)).sort();

  const [one, two, three] = clients;
  assert.ok(one && two && three);
  await pullOn(one);
  // This registry fetches what it does not have twice: for the client, and for its store. After that, never again.
  const filled = [...blobs, ...blobs].sort();
  for (const limit = Date.now() + 10_000; blobsServed(origin.log()).length < filled.length; await delay(20))
    assert.ok(Date.now() < limit, origin.log());
  await Promise.all([pullOn(two), pullOn(three)]);
  assert.deepEqual(blobsServed(origin.log()).sort(), filled);
  assert.deepEqual(blobsServed(cache.log()).sort(), [...blobs, ...blobs, ...blobs].sort());
  for (const { address } of clients) assert.ok(!origin.log().includes(`${address} `), `${address} asked the registry`);
  assert.match(cache.log(), new RegExp(`"(?:GET|HEAD) /v2/lib/x/manifests/1\\?ns=${encodeURIComponent(origin.host)} `));

  await cache.stop();
  const told = await pullOn(one);
  assert.match(told, new RegExp(`WARNING: http://${cache.host}/v2/ is of no use.*connection refused`));
  assert.equal(blobsServed(origin.log()).length, filled.length + blobs.length);
});
