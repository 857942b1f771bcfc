import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { type ConfigPlaces, configPlaces } from '../../src/registry/mirrors/config-places.js';
import { tempDir } from './temp.js';

/** A folder that stands for `/etc`, with files by their paths in it. */
export function configDir(t: Pick<TestContext, 'after'>, files: Record<string, string>): string {
  const folder = tempDir(t);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** The places below such a folder, and none of this machine's. */
export function placesIn(folder: string, env: NodeJS.ProcessEnv = {}): ConfigPlaces {
  return configPlaces(folder, { HOME: '/nonexistent', ...env });
}

/** Path of the `hosts.toml` for a registry. */
export function hostsToml(domain: string): string {
  return `containerd/certs.d/${domain.replace(/:(\d+)$/, '_$1_')}/hosts.toml`;
}
