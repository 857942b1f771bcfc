/** Certificates of one host: the authorities that the user names, and Docker's folder `certs.d/HOST:PORT`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoCode, isErrno, KnownError } from '../../store/errors.js';
import { type Certificates, certificatesIn } from './pem.js';
import type { TransportSettings } from './settings.js';

export interface HostCertificates {
  readonly authorities: Certificates;
  /** What this side may identify itself by, in the order of the names. */
  readonly clients: readonly ClientCertificate[];
}

export interface ClientCertificate {
  /** Path of the certificate, for messages. */
  readonly path: string;
  readonly cert: string;
  readonly key: string;
}

/** @throws KnownError `E_TLS` when a file cannot be read, or a certificate or key is there without the other */
export function hostCertificates(url: URL, settings: TransportSettings): HostCertificates {
  const { caFiles, certsDir, clientCertificates: named } = settings;
  const authorities = new Map(caFiles.flatMap((path) => [...authoritiesOf(path)]));
  const clients: ClientCertificate[] = [];
  for (const name of new Set([url.host, `${url.hostname}:${url.port || '443'}`])) {
    const folder = join(certsDir, name);
    const names = listFolder(folder);
    for (const file of names.filter((item) => item.endsWith('.crt')))
      for (const [key, text] of certificatesIn(readText(join(folder, file)))) authorities.set(key, text);
    clients.push(...clientCertificates(folder, names));
  }
  for (const { cert, key = cert } of named.filter(({ host }) => host === url.host))
    clients.push({ path: cert, cert: readText(cert), key: readText(key) });
  return { authorities, clients };
}

function authoritiesOf(path: string): Certificates {
  const found = certificatesIn(readText(path));
  if (found.size === 0)
    throw new KnownError('E_TLS', `the certificate file "${path}" holds no certificate`, {
      hint: 'a file in PEM format is expected, which begins with -----BEGIN CERTIFICATE-----',
    });
  return found;
}

/** Docker's rules: each `NAME.cert` has a `NAME.key` beside it, and the other way round. */
function clientCertificates(folder: string, names: readonly string[]): ClientCertificate[] {
  const stems = (extension: string) =>
    names.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length));
  const [certs, keys] = [stems('.cert'), stems('.key')];
  const keyless = certs.find((stem) => !keys.includes(stem));
  if (keyless !== undefined)
    throw new KnownError(
      'E_TLS',
      `missing key "${keyless}.key" for client certificate "${keyless}.cert" in "${folder}"`,
      {
        hint: 'certificates of authorities use the extension .crt',
      },
    );
  const certless = keys.find((stem) => !certs.includes(stem));
  if (certless !== undefined)
    throw new KnownError(
      'E_TLS',
      `missing client certificate "${certless}.cert" for key "${certless}.key" in "${folder}"`,
    );
  return certs.map((stem) => {
    const path = join(folder, stem);
    return { path: `${path}.cert`, cert: readText(`${path}.cert`), key: readText(`${path}.key`) };
  });
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw new KnownError('E_TLS', `cannot read the certificates in "${folder}": ${errnoCode(error)}`, { cause: error });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    throw new KnownError('E_TLS', `cannot read the certificate file "${path}": ${errnoCode(error)}`, { cause: error });
  }
}
