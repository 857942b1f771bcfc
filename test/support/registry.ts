/** A registry and a client for one test, both closed when it ends. */
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { addImage, type Contents, emptyContents } from '../../fixtures/registry/contents.js';
import { buildImage, type Image } from '../../fixtures/registry/image.js';
import { type RegistryOptions, type RunningRegistry, startRegistry } from '../../fixtures/registry/registry.js';
import { type BlobRetry, streamBlob } from '../../src/registry/blob-stream.js';
import { createRegistryClient, type RegistryClient, type RegistryClientOptions } from '../../src/registry/client.js';
import { openTransport, type Transport } from '../../src/registry/transport.js';
import { type Digest, digestOf } from '../../store/oci/digest.js';

export const repository = 'lib/x';

/** An image whose one layer is so many random bytes, uncompressed. It is no tar archive; no client cares. */
export function opaqueImage(bytes = 1000): Image {
  return buildImage({ layers: [randomBytes(bytes)], compression: 'none' });
}

export function contentsWith(image: Image, tag = '1'): Contents {
  const contents = emptyContents();
  addImage(contents, repository, tag, image);
  return contents;
}

export async function serve(
  t: TestContext,
  options: Partial<RegistryOptions> & { image?: Image } = {},
): Promise<RunningRegistry> {
  const registry = await startRegistry({ contents: contentsWith(options.image ?? opaqueImage()), ...options });
  t.after(() => registry.close());
  return registry;
}

/** Knows no credentials and no proxies unless `env` says so; waits for seconds only, not for half minutes, though long enough for a busy machine. */
export function clientFor(
  t: TestContext,
  domain: string,
  options: Partial<RegistryClientOptions> = {},
): RegistryClient {
  const client = createRegistryClient({
    domain,
    path: repository,
    env: { HOME: '/nonexistent' },
    configDir: '/nonexistent',
    ...options,
    timeouts: {
      connectMs: 10_000,
      responseMs: 5000,
      apiMs: 15_000,
      stallMs: 500,
      stallBytes: 1000,
      ...options.timeouts,
    },
  });
  t.after(() => client.close());
  return client;
}

export interface FetchedBlob {
  readonly bytes: Buffer;
  readonly retries: BlobRetry[];
}

/** The blob as a consumer in this thread sees it. */
export async function fetchBlob(
  client: RegistryClient,
  digest: Digest,
  size: number,
  more: { signal?: AbortSignal; onChunk?: (chunk: Buffer) => void } = {},
): Promise<FetchedBlob> {
  const target = structuredClone(await client.blobTarget(digest));
  const transports: Transport[] = [];
  const chunks: Buffer[] = [];
  const retries: BlobRetry[] = [];
  try {
    await streamBlob({
      target,
      size,
      transportFor(settings) {
        const transport = openTransport(settings);
        transports.push(transport);
        return transport;
      },
      onChunk: more.onChunk ?? ((chunk) => chunks.push(Buffer.from(chunk))),
      onRetry: (retry) => retries.push(retry),
      authorize: (challenge) => client.authorize(challenge),
      onFailover: (failover) => client.blobFailedOver(failover),
      ...(more.signal && { signal: more.signal }),
    });
  } finally {
    for (const transport of transports) transport.close();
  }
  return { bytes: Buffer.concat(chunks), retries };
}

/** Fetches an image's layer after a look at its manifest, as a pull does. */
export async function fetchLayer(client: RegistryClient, image: Image): Promise<FetchedBlob> {
  await client.getManifest('1');
  const [layer] = image.layers;
  if (layer === undefined) throw new Error('the image has no layer');
  return fetchBlob(client, digestOf(layer), layer.length);
}
