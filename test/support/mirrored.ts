/** A registry with mirrors before it, as containerd's configuration puts them. */
import type { TestContext } from 'node:test';
import type { Image } from '../../fixtures/registry/image.js';
import type { RegistryOptions, RunningRegistry } from '../../fixtures/registry/registry.js';
import type { RegistryClient, RegistryClientOptions } from '../../src/registry/client.js';
import type { Failover } from '../../src/registry/endpoint-set.js';
import { configDir, hostsToml } from './config-files.js';
import { clientFor, opaqueImage, serve } from './registry.js';

export interface Mirrored {
  readonly image: Image;
  readonly origin: RunningRegistry;
  readonly mirrors: RunningRegistry[];
  readonly client: RegistryClient;
  readonly failovers: Failover[];
}

export interface MirroredOptions {
  readonly image?: Image;
  readonly origin?: Partial<RegistryOptions>;
  /** Each may hold another image, or have faults. */
  readonly mirrors: (Partial<RegistryOptions> & { readonly image?: Image; readonly toml?: string })[];
  readonly client?: Partial<RegistryClientOptions>;
}

/** On a busy machine a fail-over must not come from its being slow. */
export const patient = { connectMs: 20_000, responseMs: 20_000, apiMs: 20_000, stallMs: 20_000 };

export async function mirrored(t: TestContext, options: MirroredOptions): Promise<Mirrored> {
  const image = options.image ?? opaqueImage();
  const origin = await serve(t, { image, ...options.origin });
  const mirrors: RunningRegistry[] = [];
  let toml = '';
  for (const { toml: more = '', ...mirror } of options.mirrors) {
    const running = await serve(t, { image, ...mirror });
    mirrors.push(running);
    toml += `[host."${running.url}"]\n${more.replaceAll('URL', running.url)}\n`;
  }
  const failovers: Failover[] = [];
  const client = clientFor(t, origin.host, {
    configDir: configDir(t, { [hostsToml(origin.host)]: toml }),
    onFailover: (failover) => failovers.push(failover),
    ...options.client,
    timeouts: { ...patient, ...options.client?.timeouts },
  });
  return { image, origin, mirrors, client, failovers };
}

/** `GET /v2/lib/x/blobs/…` of every request, with digests cut short. */
export function requestLines({ requests }: RunningRegistry): string[] {
  return requests.map(({ method, url }) => `${method} ${url.replace(/(sha256:.{6})[0-9a-f]+/, '$1')}`);
}

export function blobRequests({ requests }: RunningRegistry): RunningRegistry['requests'] {
  return requests.filter(({ url }) => url.includes('/blobs/'));
}
