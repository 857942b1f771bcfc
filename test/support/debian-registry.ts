import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Document, Image } from '../../fixtures/registry/image.js';
import { listen } from '../../fixtures/registry/registry.js';
import { digestOf } from '../../store/oci/digest.js';
import { findProgram } from './needs.js';
import { tempDir } from './temp.js';

export interface DebianRegistry {
  /** `127.0.0.1:40123` */
  readonly host: string;
  /** Uploads blobs and manifest by plain HTTP. */
  push(name: string, tag: string, image: Image): Promise<void>;
  /** Uploads an index whose images are there. */
  pushDocument(name: string, reference: string, document: Document): Promise<void>;
}

/** Debian's docker-registry, the distribution project's own server, on a free port; gone when the test ends. */
export async function startDebianRegistry(t: Pick<TestContext, 'after'>): Promise<DebianRegistry> {
  const folder = tempDir(t);
  const host = `127.0.0.1:${await freePort()}`;
  writeFileSync(
    `${folder}/config.yml`,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${folder}/data}}\nhttp: {addr: "${host}", secret: x}\n`,
  );
  const child = spawn(findProgram('docker-registry') ?? 'docker-registry', ['serve', `${folder}/config.yml`], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
  });
  t.after(() => void child.kill('SIGKILL'));
  await untilReady(host, child);
  const pushDocument = async (name: string, reference: string, { bytes, mediaType }: Document) => {
    await send(`http://${host}/v2/${name}/manifests/${reference}`, bytes, mediaType);
  };
  return {
    host,
    pushDocument,
    async push(name, tag, image) {
      for (const blob of [image.config, ...image.layers]) await pushBlob(host, name, blob);
      await pushDocument(name, tag, image.manifest);
    },
  };
}

async function pushBlob(host: string, name: string, blob: Buffer): Promise<void> {
  const begun = await fetch(`http://${host}/v2/${name}/blobs/uploads/`, { method: 'POST' });
  const url = new URL(begun.headers.get('location') ?? '', `http://${host}`);
  url.searchParams.set('digest', digestOf(blob));
  await send(url.href, blob, 'application/octet-stream');
}

async function send(url: string, body: Buffer, contentType: string): Promise<void> {
  const response = await fetch(url, {
    method: 'PUT',
    body: new Uint8Array(body),
    headers: { 'content-type': contentType },
  });
  if (response.status !== 201) throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`);
}

async function untilReady(host: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with status ${child.exitCode}`);
    const ready = await fetch(`http://${host}/v2/`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    await sleep(50);
  }
  throw new Error('docker-registry does not answer');
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, '127.0.0.1');
  await new Promise((resolve) => server.close(resolve));
  return port;
}
