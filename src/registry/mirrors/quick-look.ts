/** Whether configuration of registries is worth to be read properly: most machines have files that say nothing. */
import { existsSync } from 'node:fs';
import { readConfigFile } from './config-file.js';
import type { ConfigPlaces } from './config-places.js';
import { registriesConfFiles } from './registries-conf-files.js';

/**
 * Distributions ship a file of comments and one of short names; neither is worth a parser. Everything that concerns
 * registries is below a key that begins so and is a table, not a text as a short name's; and no key is written with escapes but to hide it.
 */
export const mattersForMirrors = /^[ \t]*\[{0,2}[ \t]*["']?registr(?:y|ies)\b(?!["']?[ \t]*=[ \t]*["'])|\\u/im;

/** True when nothing on this machine says how any registry is reached. @throws KnownError `E_CONFIG` for what cannot be read */
export function saysNothing({ hostsDir, registriesConf, daemonJson }: ConfigPlaces): boolean {
  if (registriesConf.named !== undefined || [hostsDir, ...daemonJson].some((path) => existsSync(path))) return false;
  return registriesConfFiles(registriesConf).every((file) => !mattersForMirrors.test(readConfigFile(file) ?? ''));
}
