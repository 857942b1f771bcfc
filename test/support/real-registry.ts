/** Debian's `docker-registry` (the reference implementation) on loopback, with a store of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
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
  /** Uploads an index whose images are there. */
  pushDocument(name: string, reference: string, document: Document): Promise<void>;
  /** The manifest that a tag stands for, byte for byte. */
  manifest(name: string, reference: string): Promise<Buffer>;
  /** Serves the same images by TLS as well. @returns host and port */
  serveTls(files: TlsFiles): Promise<string>;
  /** What it has logged so far, requests included. */
  log(): string;
}

export interface TlsFiles {
  certificate: string;
  key: string;
  /** Clients must show a certificate of these authorities. */
  clientAuthorities?: string;
}

const START_TIMEOUT_MS = 15_000;

/** The password of `joe`, as `htpasswd -B` writes it: what {@link startDockerRegistry} can be told to ask for. */
export const joeSecret = 'joe:$2b$04$vNG5tF80Doy0U.HxUkIkGePmoZ6U31/iaAO/BpqnN6BXk09PCn932\n';

/**
 * Starts it; `missing('docker-registry')` tells whether it can be.
 *
 * @param options.htpasswd users and their passwords; without them anybody may do everything
 */
export async function startDockerRegistry(
  t: Pick<TestContext, 'after'>,
  { htpasswd }: { htpasswd?: string } = {},
): Promise<DockerRegistry> {
  const home = tempDir(t, 'tspull-registry-');
  mkdirSync(join(home, 'store'));
  const log = join(home, 'log');
  if (htpasswd !== undefined) writeFileSync(join(home, 'htpasswd'), htpasswd);
  const host = await serveStore(t, home, (address) => `addr: "${address}"`);
  return {
    host,
    store: join(home, 'store'),
    log: () => readFileSync(log, 'utf8'),
    serveTls: ({ certificate, key, clientAuthorities }) =>
      serveStore(t, home, (address) => {
        const clients = clientAuthorities === undefined ? '' : `, clientcas: [${clientAuthorities}]`;
        return `addr: "${address}", tls: {certificate: ${certificate}, key: ${key}${clients}}`;
      }),
    ...dockerRegistryAt(host),
  };
}

/** What a client does to a registry that somebody else started. */
export function dockerRegistryAt(host: string): Pick<DockerRegistry, 'push' | 'pushDocument' | 'manifest'> {
  const pushDocument: DockerRegistry['pushDocument'] = async (name, reference, { bytes, mediaType }) => {
    await call(`http://${host}/v2/${name}/manifests/${reference}`, {
      method: 'PUT',
      body: new Uint8Array(bytes),
      headers: { 'content-type': mediaType },
    });
  };
  return {
    pushDocument,
    async push(name, tag, image) {
      for (const blob of [image.config, ...image.layers]) await pushBlob(host, name, blob);
      await pushDocument(name, tag, image.manifest);
    },
    async manifest(name, reference) {
      const accept = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json';
      return (await call(`http://${host}/v2/${name}/manifests/${reference}`, { headers: { accept } })).body;
    },
  };
}

/** @returns its host and port */
async function serveStore(
  t: Pick<TestContext, 'after'>,
  home: string,
  http: (host: string) => string,
): Promise<string> {
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(home, `${host}.yml`);
  const users = join(home, 'htpasswd');
  const auth = existsSync(users) ? `auth: {htpasswd: {realm: test, path: ${users}}}\n` : '';
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: ${join(home, 'store')}}}\nhttp: {${http(host)}, secret: x}\n${auth}`,
  );
  const output = openSync(join(home, 'log'), 'a');
  const child = spawn(findProgram('docker-registry') ?? 'docker-registry', ['serve', config], {
    stdio: ['ignore', output, output],
    env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
    cwd: home,
  });
  closeSync(output);
  t.after(() => end(child));
  await waitUntilReady(child, host, () => readFileSync(join(home, 'log'), 'utf8'));
  return host;
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
  const port = Number(host.slice(host.lastIndexOf(':') + 1));
  for (const limit = Date.now() + START_TIMEOUT_MS; !(await accepts(port)); await delay(50))
    if (child.exitCode !== null || Date.now() > limit) throw new Error(`docker-registry did not start:\n${log()}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
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
