/** A real pull from a registry that misbehaves, and what must be true of it whatever the fault is. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { on } from '../../fixtures/registry/faults.js';
import { buildImage } from '../../fixtures/registry/image.js';
import type { Fault, RegistryOptions, RunningRegistry } from '../../fixtures/registry/registry.js';
import { pull } from '../../src/pull/pull.js';
import { KnownError } from '../../store/errors.js';
import { digestOf } from '../../store/oci/digest.js';
import { serveImage } from './serve.js';
import { checkStore } from './store-state.js';
import { file, tar } from './tar-builder.js';
import { tempDir } from './temp.js';

export type Outcome =
  /** It succeeds, after so many requests for the layer. */
  | { requests: number }
  /** It fails, after at most so many requests for the layer or, where that is not reached, at all. */
  | { code: string; message: RegExp; atMost: number };

export interface FaultPull {
  /** Besides the one that is counted and that `blob` is for. */
  layers?: number;
  /** Of the one layer, as it travels. Above 512 KiB it is fetched by a worker thread. */
  bytes?: number;
  compression?: 'gzip' | 'none';
  /** For requests of the layer. */
  blob?: (layer: Buffer, registry: () => RunningRegistry) => Fault;
  /** For all requests. */
  fault?: Fault;
  auth?: RegistryOptions['auth'];
  /** Seconds within which it must be over. */
  within?: number;
}

export async function expectPull(t: TestContext, scene: FaultPull, outcome: Outcome): Promise<RunningRegistry> {
  const { layers = 0, bytes = 700_000, compression = 'none', blob, fault, auth, within = 30 } = scene;
  const archive = () => tar(file('noise', '', { content: randomBytes(bytes) }));
  const image = buildImage({ layers: Array.from({ length: layers + 1 }, archive), compression });
  const [layer = Buffer.alloc(0)] = image.layers;
  const path = new RegExp(`/blobs/${digestOf(layer)}$`);
  const { registry, name } = await serveImage(t, {
    image,
    ...(auth && { auth }),
    ...(fault && { fault }),
    ...(blob && {
      fault: on(
        path,
        blob(layer, () => registry),
      ),
    }),
  });
  const root = join(tempDir(t), 'root');
  const started = performance.now();
  const failure = await pull(name, { root }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const seconds = (performance.now() - started) / 1000;
  const requests = registry.requests.filter(({ url }) => path.test(url)).length;
  if ('requests' in outcome) {
    assert.equal(failure, undefined);
    assert.equal(requests, outcome.requests);
    checkStore(root);
  } else {
    checkFailure(failure, outcome);
    const counted = requests || registry.requests.length;
    assert.ok(counted <= outcome.atMost, `${counted} requests`);
    assert.equal(existsSync(join(root, 'image/overlay2/repositories.json')), false);
    if (existsSync(join(root, 'tspull'))) checkStore(root);
  }
  assert.ok(seconds < within, `${seconds} s`);
  return registry;
}

/** One clear message, and what to do. */
export function checkFailure(failure: unknown, { code, message }: { code: string; message: RegExp }): void {
  assert.ok(failure instanceof KnownError, String((failure as Error | undefined)?.stack ?? 'no failure'));
  assert.match(failure.code, new RegExp(`^(?:${code})$`), failure.message);
  assert.match(failure.message, message);
  assert.ok(!failure.message.includes('\n') && failure.message.length < 700, failure.message);
  // Of what is not there, or is no image, nothing more can be said than that.
  if (!['E_NOT_FOUND', 'E_DOCUMENT'].includes(code)) assert.ok(failure.hint, `no hint: ${failure.message}`);
}
