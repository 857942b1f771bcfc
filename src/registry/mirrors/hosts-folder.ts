/** containerd's folder of one registry below `certs.d`. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../../store/errors.js';
import type { ClientCertificate, EndpointPlan, PlannedEndpoint, RepositoryName } from '../endpoint-plan.js';
import { configError, readConfigFile } from './config-file.js';
import { planFromHostsToml } from './hosts-toml.js';

/** The folder for `domain`: `host_port_`, `host:port`, or the one for all others. */
export function findHostsFolder(root: string, domain: string): string | undefined {
  const escaped = domain.replace(/:(\d+)$/, '_$1_');
  return [...new Set([escaped, domain, '_default'])].map((name) => join(root, name)).find(isFolder);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw configError({ file: path, line: undefined }, 'the folder cannot be looked at', error);
  }
}

export interface HostsFolder {
  readonly folder: string;
  /** Present when the folder has a `hosts.toml`. */
  readonly plan: EndpointPlan | undefined;
  /** Of the registry itself, when the folder has only those. */
  readonly certificates: Pick<PlannedEndpoint, 'caFiles' | 'clientCertificates'> | undefined;
}

/** What the folder says about the repository; undefined when there is none. @throws KnownError `E_CONFIG` */
export async function readHostsFolder(
  root: string,
  name: RepositoryName,
  insecure: boolean,
): Promise<HostsFolder | undefined> {
  const folder = findHostsFolder(root, name.domain);
  if (folder === undefined) return undefined;
  const file = join(folder, 'hosts.toml');
  const text = readConfigFile(file) ?? '';
  if (text === '') return { folder, plan: undefined, certificates: certificatesIn(folder) };
  const { parseToml } = await import('./toml-document.js');
  return { folder, plan: planFromHostsToml(parseToml(text, file), name, insecure), certificates: undefined };
}

/** Docker's pattern: `*.crt` are authorities, `*.cert` client certificates, whose key may lie beside them as `*.key`. */
function certificatesIn(folder: string): HostsFolder['certificates'] {
  const names = readdirSync(folder).sort();
  const caFiles = names.filter((name) => name.endsWith('.crt')).map((name) => join(folder, name));
  const clientCertificates = names
    .filter((name) => name.endsWith('.cert'))
    .map((name): ClientCertificate => {
      const key = name.replace(/\.cert$/, '.key');
      return { cert: join(folder, name), key: names.includes(key) ? join(folder, key) : undefined };
    });
  return caFiles.length === 0 && clientCertificates.length === 0 ? undefined : { caFiles, clientCertificates };
}
