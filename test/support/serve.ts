import type { TestContext } from 'node:test';
import { addImage, emptyContents } from '../../fixtures/registry/contents.js';
import { buildImage, type Image, type ImageOptions } from '../../fixtures/registry/image.js';
import { type RegistryOptions, type RunningRegistry, startRegistry } from '../../fixtures/registry/registry.js';

export interface Served {
  registry: RunningRegistry;
  image: Image;
  /** `127.0.0.1:40123/test/image:1` */
  name: string;
  /** Requests for blobs of layers so far, as digests. */
  layerRequests(): string[];
}

/** A registry with one image, gone when the test ends. */
export async function serveImage(
  t: Pick<TestContext, 'after'>,
  options: (ImageOptions | { image: Image }) & Pick<RegistryOptions, 'fault' | 'auth'>,
): Promise<Served> {
  const contents = emptyContents();
  const image = 'image' in options ? options.image : buildImage(options);
  addImage(contents, 'test/image', '1', image);
  const { fault, auth } = options;
  const registry = await startRegistry({ contents, ...(fault && { fault }), ...(auth && { auth }) });
  t.after(() => registry.close());
  const config = image.manifest.bytes.toString();
  const layerRequests = () =>
    registry.requests
      .filter(({ method, url }) => method === 'GET' && url.includes('/blobs/'))
      .map(({ url }) => url.slice(url.lastIndexOf('/') + 1))
      .filter((digest) => !config.slice(0, config.indexOf('"layers"')).includes(digest));
  return { registry, image, name: `${registry.host}/test/image:1`, layerRequests };
}
