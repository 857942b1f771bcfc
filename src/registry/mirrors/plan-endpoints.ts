/** Joins what the user says and what the machine has configured. Loaded only when there is something of either. */
import { type EndpointPlan, originEndpoint, type PlannedEndpoint } from '../endpoint-plan.js';
import { placeText } from './config-file.js';
import type { ConfigPlaces } from './config-places.js';
import { planFromDaemonJson } from './daemon-json.js';
import { readHostsFolder } from './hosts-folder.js';
import { mirrorsNamed } from './mirror-flags.js';
import { loadRegistriesConf } from './registries-conf.js';
import { findTable, type NamedImage, planFromTable } from './registries-plan.js';

export interface PlanOptions {
  /** As the user names them; they come first. */
  readonly mirrors: readonly string[];
  readonly places: ConfigPlaces;
  /** For the registry of the name, and the mirrors that the user names. */
  readonly insecure: boolean;
}

/**
 * Mirrors that the user names come first. Then the first of containerd's hosts.toml, containers' registries.conf and
 * Docker's daemon.json that says something about the registry counts, and the others do not. What registries.conf blocks
 * stays blocked.
 *
 * @throws KnownError `E_CONFIG`, `E_USAGE`
 */
export async function planEndpoints(image: NamedImage, options: PlanOptions): Promise<EndpointPlan> {
  const { mirrors, places, insecure } = options;
  const conf = await loadRegistriesConf(places.registriesConf, 'mirrors');
  const found = findTable(conf, image);
  const hosts = await readHostsFolder(places.hostsDir, image, insecure);
  const notes: string[] = [];
  let plan = hosts?.plan;
  if (plan !== undefined && found !== undefined)
    notes.push(
      `${placeText(found.table.at)} has no effect: ${placeText({ file: hosts?.folder, line: undefined })} comes first`,
    );
  if (plan === undefined && found !== undefined) {
    plan = planFromTable(found, image, insecure);
    notes.push(...conf.notes);
  }
  plan ??= planFromDaemonJson(places.daemonJson, image, insecure);
  plan ??= { endpoints: [originEndpoint(image, insecure)], notes: [] };
  const certificates = hosts?.certificates;
  const endpoints = plan.endpoints.map((endpoint) =>
    certificates !== undefined && endpoint.domain === image.domain ? { ...endpoint, ...certificates } : endpoint,
  );
  const all = [...mirrorsNamed(mirrors, image, insecure), ...endpoints];
  return { endpoints: withoutRepetitions(all), notes: [...plan.notes, ...notes] };
}

/** A file may name the registry itself as a mirror: it is asked once, where it comes first. */
function withoutRepetitions(endpoints: readonly PlannedEndpoint[]): PlannedEndpoint[] {
  return endpoints.filter(
    (endpoint, index) =>
      !endpoints
        .slice(0, index)
        .some(
          (other) =>
            other.bases.join() === endpoint.bases.join() &&
            other.path === endpoint.path &&
            Number(other.resolves) >= Number(endpoint.resolves) &&
            Number(other.pulls) >= Number(endpoint.pulls),
        ),
  );
}
