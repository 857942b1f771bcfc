/** Docker's `daemon.json`: mirrors of Docker Hub, and registries that need not prove who they are. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { bareAddress } from '../address.js';
import { type EndpointPlan, originEndpoint, type PlannedEndpoint, type RepositoryName } from '../endpoint-plan.js';
import { apiRoot, loginDomain, parseApiUrl } from './api-url.js';
import { configError, readConfigFile } from './config-file.js';
import { type Fields, fieldsOf } from './fields.js';

/** What the first of the files that is there says about the registry; undefined when that is nothing. */
export function planFromDaemonJson(
  files: readonly string[],
  name: RepositoryName,
  insecure: boolean,
): EndpointPlan | undefined {
  for (const file of files) {
    const text = readConfigFile(file);
    if (text !== undefined) return planFrom(parseJson(text, file), name, insecure);
  }
  return undefined;
}

function planFrom(document: Fields, name: RepositoryName, insecure: boolean): EndpointPlan | undefined {
  const insecureRegistries = document.texts('insecure-registries') ?? [];
  const urls = name.domain === 'docker.io' ? (document.texts('registry-mirrors') ?? []) : [];
  const from = (section: string) => ({ ...document.placeOf(section), section });
  const mirrors = urls.map((text): PlannedEndpoint => {
    const url = parseApiUrl(text, from('registry-mirrors'));
    return {
      ...originEndpoint({ domain: url.host, path: name.path }, isInsecure(url.host, insecureRegistries)),
      bases: [apiRoot(url, false)],
      domain: loginDomain(url),
      from: from('registry-mirrors'),
    };
  });
  const listed = name.domain !== 'docker.io' && isInsecure(name.domain, insecureRegistries);
  if (mirrors.length === 0 && !listed) return undefined;
  const origin = originEndpoint(name, insecure || listed);
  return { endpoints: [...mirrors, listed ? { ...origin, from: from('insecure-registries') } : origin], notes: [] };
}

/**
 * A host with or without a port, as it is written, or a network. Names are not looked up to compare them with a network:
 * then whoever answers the look-up would decide whether certificates are verified.
 */
export function isInsecure(host: string, entries: readonly string[]): boolean {
  const address = bareAddress(host.replace(/:\d+$/, ''));
  return entries.some((entry) => {
    const bare = entry.replace(/^https?:\/\//i, '').replace(/\/$/, '');
    return bare === host || isInNetwork(address, bare);
  });
}

function isInNetwork(address: string, entry: string): boolean {
  const [, network = '', bits = ''] = /^(.*)\/(\d{1,3})$/.exec(entry) ?? [];
  if (isIP(address) === 0 || isIP(network) === 0 || Number(bits) > (isIPv6(network) ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4');
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function parseJson(text: string, file: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser's message quotes the file.
    const [, position] = /at position (\d+)/.exec(error.message) ?? [];
    const line = text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length;
    throw configError({ file, line }, 'not JSON');
  }
  const lines = text.split('\n').flatMap((line, index): [string, number][] => {
    const [, key] = /^[\s{,]*"([a-z-]+)"\s*:/.exec(line) ?? [];
    return key === undefined ? [] : [[key, index + 1]];
  });
  return fieldsOf(value, { file, sections: [{ path: [], line: 0, header: '', keys: new Map(lines) }], path: [] });
}
