import { parseReference, type Reference, withDefaultTag } from '../reference.js';

/** By whose rules a name without a registry gets one: Docker's, or those of `registries.conf`. */
export type ShortNames = 'docker' | 'containers';

/** What a name means, with a tag. @throws KnownError `E_REFERENCE`, `E_CONFIG` */
export async function referenceFor(
  name: string,
  shortNames: ShortNames = 'docker',
  configDir?: string,
): Promise<Reference> {
  if (shortNames === 'docker') return withDefaultTag(parseReference(name));
  const { expandShortName } = await import('../registry/mirrors/short-names.js');
  return withDefaultTag(parseReference(await expandShortName(name, configDir, process.env)));
}
