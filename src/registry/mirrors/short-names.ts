/**
 * Short names by `registries.conf`, for who asks for it: an alias, else the one search registry. Which of several is meant
 * is not tried out: whoever owns the name at the first one would decide what is run (containers-registries.conf(5),
 * "risk of using unqualified image names").
 */
import { KnownError } from '../../../store/errors.js';
import { printable } from '../../../store/printable.js';
import { namesDomain } from '../../reference.js';
import { configPlaces } from './config-places.js';
import { loadRegistriesConf } from './registries-conf.js';

/** The name with its registry; as it is when it has one, or when nothing is configured. @throws KnownError `E_REFERENCE` */
export async function expandShortName(
  name: string,
  configDir: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const [, short = '', suffix = ''] = /^([^:@]*)(.*)$/s.exec(name) ?? [];
  if (namesDomain(name)) return name;
  const conf = await loadRegistriesConf(configPlaces(configDir, env).registriesConf, 'short names');
  const alias = conf.aliases.get(short);
  if (alias !== undefined) return `${alias}${suffix}`;
  const [registry, ...others] = conf.searchRegistries;
  if (registry === undefined) return name;
  if (others.length === 0) return `${registry}/${name}`;
  throw new KnownError(
    'E_REFERENCE',
    `the short name "${printable(short, 300)}" may mean ${conf.searchRegistries.length} registries`,
    { hint: `name one of them: ${printable(conf.searchRegistries.map((host) => `${host}/${short}`).join(', '))}` },
  );
}
