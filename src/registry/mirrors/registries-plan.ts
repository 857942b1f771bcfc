/** Endpoints of a repository by the `[[registry]]` table that its name belongs to. */
import { KnownError } from '../../../store/errors.js';
import { canonicalName, namesDomain, parseReference } from '../../reference.js';
import { apiBases } from '../endpoint.js';
import { type EndpointPlan, originEndpoint, type PlannedEndpoint, type RepositoryName } from '../endpoint-plan.js';
import { configError, placeText } from './config-file.js';
import type { RegistriesConf } from './registries-conf.js';
import { longestMatch } from './registry-prefix.js';
import type { MirrorTable, RegistryTable } from './registry-tables.js';

export interface NamedImage extends RepositoryName {
  /** The reference has a digest, which goes before a tag. */
  readonly byDigest: boolean;
}

/** The table for a name, and how much of the name it stands for. @throws KnownError `E_CONFIG` when it is blocked */
export function findTable(conf: RegistriesConf, name: RepositoryName) {
  const full = canonicalName({ ...name, tag: undefined, digest: undefined });
  const found = longestMatch(full, conf.tables);
  if (found === undefined) return undefined;
  if (found.item.blocked)
    throw new KnownError('E_CONFIG', `pulling ${full} is blocked by ${placeText(found.item.at)}`, {
      hint: `the table with the prefix "${found.item.prefix}" says blocked = true`,
    });
  return { table: found.item, rest: full.slice(found.length) };
}

/** @param insecure - what the user said about the registry. */
export function planFromTable(
  { table, rest }: { table: RegistryTable; rest: string },
  image: NamedImage,
  insecure: boolean,
): EndpointPlan {
  const notes: string[] = [];
  const mirrors = table.mirrors.filter((mirror) => {
    const used = mirror.use === 'all' || (mirror.use === 'digest-only') === image.byDigest;
    if (!used)
      notes.push(
        `${placeText(mirror.at)}: the mirror is ${mirror.use}, the reference is by ${image.byDigest ? 'digest' : 'tag'}`,
      );
    return used;
  });
  return {
    endpoints: [...mirrors.map((mirror) => endpointAt(mirror, rest)), primary(table, rest, image, insecure)],
    notes,
  };
}

function primary(table: RegistryTable, rest: string, image: NamedImage, insecure: boolean): PlannedEndpoint {
  const allowed = insecure || table.insecure;
  if (table.location === undefined || table.location === table.prefix)
    return { ...originEndpoint(image, allowed), from: table.at };
  return endpointAt({ location: table.location, insecure: allowed, at: table.at }, rest);
}

function endpointAt(
  { location, insecure, at }: Pick<MirrorTable, 'location' | 'insecure' | 'at'>,
  rest: string,
): PlannedEndpoint {
  const { domain, path } = parseLocation(`${location}${rest}`, at);
  return { ...originEndpoint({ domain, path }, insecure), bases: apiBases(domain, insecure), from: at };
}

function parseLocation(text: string, at: RegistryTable['at']): RepositoryName {
  // By the rules of names it would be a namespace of Docker Hub.
  if (!namesDomain(text)) throw configError(at, 'the location begins with no host');
  try {
    const { domain, path } = parseReference(text);
    return { domain, path };
  } catch (cause) {
    if (!(cause instanceof KnownError)) throw cause;
    throw configError(at, `the location makes "${text}" of the name, which is no image name`, cause);
  }
}
