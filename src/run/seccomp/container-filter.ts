import type { Architecture } from '../stage2/code.js';
import { precompiled } from './precompiled.js';

/** The mask of Docker's default capabilities, which the precompiled filters are made for. */
export const PRECOMPILED_CAPABILITIES = 0xa80425fbn;

export interface FilterWish {
  /** A profile in Docker's format; undefined for Docker's own. */
  profile: string | undefined;
  architecture: Architecture;
  capabilities: bigint;
}

/**
 * The filter of a container as an array of struct sock_filter. The usual one was compiled ahead, which saves some 15 ms of
 * loading tables and compiling in a cold process.
 */
export async function containerFilter({ profile, architecture, capabilities }: FilterWish): Promise<Buffer> {
  if (profile === undefined && capabilities === PRECOMPILED_CAPABILITIES)
    return Buffer.from(precompiled[architecture].replaceAll(/\s/g, ''), 'base64');
  const [{ seccompFilter }, { hasCapability }] = await Promise.all([
    import('./filter.js'),
    import('../spec/capabilities.js'),
  ]);
  return seccompFilter(profile, architecture, (name) => hasCapability(capabilities, name));
}
