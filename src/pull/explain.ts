import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { canonicalString } from '../reference.js';
import type { ExplainedEndpoints } from '../registry/mirrors/explain-endpoints.js';
import type { PullOptions } from './pull.js';
import { referenceFor } from './reference-for.js';
import { parseSource } from './sources/source-name.js';

export interface Explanation extends ExplainedEndpoints {
  /** Fully qualified, as `docker.io/library/ubuntu:16.04`. */
  reference: string;
}

/**
 * Which endpoints a pull of `name` would ask, in which order, with which login and TLS settings, and where each of these
 * decisions comes from. Reads configuration; sends nothing, starts no helper program, and shows no secret.
 *
 * @throws KnownError as a pull would, for a name or configuration that is wrong or forbidden.
 */
export async function explain(
  name: string,
  options: Pick<PullOptions, 'mirrors' | 'configDir' | 'insecure' | 'caFiles' | 'shortNames'> = {},
): Promise<Explanation> {
  const { mirrors = [], configDir, insecure = false, caFiles = [], shortNames = 'docker' } = options;
  const source = parseSource(name);
  if (source.kind !== 'registry')
    throw new KnownError('E_USAGE', `"${printable(name, 300)}" is not in a registry: nobody is asked for it`);
  const reference = await referenceFor(source.name, shortNames, configDir);
  const { domain, path, digest } = reference;
  const { explainEndpoints } = await import('../registry/mirrors/explain-endpoints.js');
  const image = { domain, path, byDigest: digest !== undefined };
  const found = await explainEndpoints(image, { mirrors, configDir, insecure, caFiles, env: process.env });
  return { reference: canonicalString(reference), ...found };
}
