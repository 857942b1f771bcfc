/** Debian's `docker-registry` (the reference implementation) on loopback, with a store of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Document, Image } from '../../fixtures/registry/image.js';
import { digestOf } from '../../store/oci/digest.js';
import { findProgram } from './needs.js';
import { tempDir } from './temp.js';

export interface DockerRegistry {
  /** `127.0.0.1:40123` */
  host: string;
  /** Its files; another process may serve them, too. */
  store: string;
  /** Uploads an image; layers that the repository has are not sent again. */
  push(name: string, tag: string, image: Image): Promise<void>;
  /** The manifest that a tag stands for, byte for byte. */
  manifest(name: string, reference: string): Promise<Buffer>;
  /** What it has logged so far, requests included. */
  log(): string;
}

const START_TIMEOUT_MS = 15_000;

/** Starts it; `missing('docker-registry')` tells whether it can be. */
export async function startDockerRegistry(t: Pick<TestContext, 'after'>): Promise<DockerRegistry> {
  const home = tempDir(t, 'tspull-registry-');
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = join(home, 'config.yml');
  const log = join(home, 'log');
  mkdirSync(join(home, 'store'));
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: ${join(home, 'store')}}}\nhttp: {addr: "${host}"}\n`,
  );
  const output = openSync(log, 'a');
  const child = spawn(findProgram('docker-registry') ?? 'docker-registry', ['serve', config], {
    stdio: ['ignore', output, output],
    cwd: home,
  });
  closeSync(output);
  t.after(() => end(child));
  const readLog = () => readFileSync(log, 'utf8');
  await waitUntilReady(child, host, readLog);
  const registry: DockerRegistry = {
    host,
    store: join(home, 'store'),
    log: readLog,
    async push(name, tag, image) {
      for (const blob of [image.config, ...image.layers]) await pushBlob(host, name, blob);
      await pushManifest(host, name, tag, image.manifest);
    },
    async manifest(name, reference) {
      const accept = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json';
      return (await call(`http://${host}/v2/${name}/manifests/${reference}`, { headers: { accept } })).body;
    },
  };
  return registry;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function waitUntilReady(child: ChildProcess, host: string, log: () => string): Promise<void> {
  for (const limit = Date.now() + START_TIMEOUT_MS; ; await delay(50)) {
    const answer = await fetch(`http://${host}/v2/`).catch((error: unknown) => error);
    if (answer instanceof Response && answer.ok) return;
    if (child.exitCode !== null || Date.now() > limit) throw new Error(`docker-registry did not start:\n${log()}`);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function call(url: string, init: RequestInit): Promise<{ headers: Headers; body: Buffer }> {
  const response = await fetch(url, init);
  const body = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${url}: ${response.status} ${body.toString()}`);
  return { headers: response.headers, body };
}

async function pushBlob(host: string, name: string, blob: Buffer): Promise<void> {
  const digest = digestOf(blob);
  if ((await fetch(`http://${host}/v2/${name}/blobs/${digest}`, { method: 'HEAD' })).ok) return;
  const { headers } = await call(`http://${host}/v2/${name}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(headers.get('location') ?? '', `http://${host}`);
  location.searchParams.set('digest', digest);
  await call(location.href, {
    method: 'PUT',
    body: new Uint8Array(blob),
    headers: { 'content-type': 'application/octet-stream' },
  });
}

async function pushManifest(host: string, name: string, tag: string, { bytes, mediaType }: Document): Promise<void> {
  await call(`http://${host}/v2/${name}/manifests/${tag}`, {
    method: 'PUT',
    body: new Uint8Array(bytes),
    headers: { 'content-type': mediaType },
  });
}
