/** Certificates: the usual authorities, those of the user, and Docker's `certs.d` folders. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { isErrno, KnownError } from '../../store/errors.js';
import type { TransportSettings } from './settings.js';

export interface TlsOptions {
  /** Said in so many words, so that NODE_TLS_REJECT_UNAUTHORIZED does not decide. */
  rejectUnauthorized: boolean;
  ca?: string[];
  cert?: string[];
  key?: string[];
}

/** The TLS options for one host. `ca` is absent while Node's own defaults do. */
export function tlsOptions(url: URL, settings: TransportSettings): TlsOptions {
  const options: TlsOptions = { rejectUnauthorized: !settings.insecureHosts.includes(url.hostname) };
  const extra = settings.caFiles.map(readPem);
  const port = url.port || '443';
  for (const folder of new Set([url.host, `${url.hostname}:${port}`]))
    addHostCertificates(join(settings.certsDir, folder), extra, options);
  for (const { cert, key } of settings.clientCertificates.filter(({ host }) => host === url.host)) {
    options.cert = [...(options.cert ?? []), readPem(cert)];
    options.key = [...(options.key ?? []), readPem(key ?? cert)];
  }
  // A list of our own replaces Node's, so what Node would have trusted goes in as well.
  if (extra.length > 0) options.ca = [...rootCertificates, ...nodeExtraCertificates(), ...extra];
  return options;
}

/** Docker's rules: `*.crt` are authorities, `*.cert` client certificates that have a `*.key` beside them. */
function addHostCertificates(folder: string, authorities: string[], options: TlsOptions): void {
  const names = listFolder(folder);
  for (const name of names.filter((item) => item.endsWith('.crt'))) authorities.push(readPem(join(folder, name)));
  for (const name of names.filter((item) => item.endsWith('.cert'))) {
    const key = `${name.slice(0, -'.cert'.length)}.key`;
    if (!names.includes(key))
      throw new KnownError('E_TLS', `missing key "${join(folder, key)}" for client certificate "${name}"`, {
        hint: 'certificates of authorities use the extension .crt',
      });
    options.cert = [...(options.cert ?? []), readPem(join(folder, name))];
    options.key = [...(options.key ?? []), readPem(join(folder, key))];
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw new KnownError('E_TLS', `cannot read the certificates in "${folder}"`, { cause: error });
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    throw new KnownError('E_TLS', `cannot read the certificate file "${path}"`, { cause: error });
  }
}

function nodeExtraCertificates(): string[] {
  const path = process.env['NODE_EXTRA_CA_CERTS'];
  return path === undefined || path === '' ? [] : [readPem(path)];
}
