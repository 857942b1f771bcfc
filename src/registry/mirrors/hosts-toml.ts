/** containerd's `hosts.toml`: mirrors of one registry in the order of the file, then the registry itself. */
import { dirname, isAbsolute, join } from 'node:path';
import { apiHost } from '../endpoint.js';
import {
  type ClientCertificate,
  type EndpointPlan,
  isHostOf,
  originEndpoint,
  type PlannedEndpoint,
  type Provenance,
  type RepositoryName,
} from '../endpoint-plan.js';
import { apiRoot, loginDomain, parseApiUrl } from './api-url.js';
import { configError, placeText } from './config-file.js';
import type { Fields } from './fields.js';
import { parseGoDuration } from './go-duration.js';
import { parseHeaders } from './hosts-headers.js';

const hostKeys = ['capabilities', 'ca', 'client', 'skip_verify', 'header', 'override_path', 'dial_timeout', 'proxy'];

/** @param insecure - what the user said about the registry of the name, for when the file says nothing about it. */
export function planFromHostsToml(document: Fields, name: RepositoryName, insecure: boolean): EndpointPlan {
  const hosts = document.table('host');
  const notes = noteUnknown(document, [...hostKeys, 'server', 'host']);
  const endpoints = (hosts?.names ?? []).map((url): PlannedEndpoint => {
    const fields = hosts?.table(url);
    if (fields === undefined) throw configError(document.at, 'a host without a table');
    notes.push(...noteUnknown(fields, hostKeys));
    return endpointAt(url, fields, name);
  });
  return { endpoints: [...endpoints, lastEndpoint(document, name, insecure)], notes };
}

/** The top level of the file is about `server`, or about the registry itself when no server is named. */
function lastEndpoint(document: Fields, name: RepositoryName, insecure: boolean): PlannedEndpoint {
  const server = document.text('server');
  if (server !== undefined && server !== '') {
    const endpoint = endpointAt(server, document, name, { ...document.placeOf('server'), section: 'server' });
    return insecure ? { ...endpoint, skipVerify: true, bases: withPlainHttp(endpoint.bases) } : endpoint;
  }
  const origin = originEndpoint(name, insecure);
  const settings = settingsOf(document);
  const changed = hostKeys.some((key) => document.names.includes(key));
  return {
    ...origin,
    ...settings,
    skipVerify: insecure || settings.skipVerify,
    from: changed ? { ...document.at, section: 'the name, with the settings at the top of the file' } : origin.from,
  };
}

function withPlainHttp(bases: readonly string[]): string[] {
  return [...new Set([...bases, ...bases.map((base) => base.replace(/^https:/, 'http:'))])];
}

function endpointAt(
  text: string,
  fields: Fields,
  { domain, path }: RepositoryName,
  from: Provenance = fields.at,
): PlannedEndpoint {
  const url = parseApiUrl(text, from);
  // Files say `https://docker.io`, where no API is.
  if (url.host === 'docker.io' || url.host === 'index.docker.io') url.host = apiHost('docker.io');
  const isOrigin = url.protocol === 'https:' && isHostOf(domain, url.host);
  const root = apiRoot(url, fields.flag('override_path') ?? false);
  const settings = settingsOf(fields);
  // As containerd: settings about TLS on a port of its own mean that TLS is tried before plain http.
  const tlsFirst =
    url.protocol === 'http:' &&
    url.port !== '' &&
    ['ca', 'client', 'skip_verify'].some((key) => fields.names.includes(key));
  return {
    bases: tlsFirst ? [root.replace(/^http:/, 'https:'), root] : [root],
    path,
    domain: isOrigin ? domain : loginDomain(url),
    namespace: isHostOf(domain, url.host) ? undefined : domain,
    ...capabilitiesOf(fields),
    ...settings,
    from,
  };
}

function capabilitiesOf(fields: Fields): Pick<PlannedEndpoint, 'resolves' | 'pulls'> {
  const all = fields.texts('capabilities')?.map((item) => item.toLowerCase()) ?? [];
  if (!all.every((item) => ['pull', 'resolve', 'push'].includes(item)))
    throw configError(fields.placeOf('capabilities'), 'capabilities are "pull", "resolve" and "push"');
  // Without any, containerd gives all.
  return { resolves: all.length === 0 || all.includes('resolve'), pulls: all.length === 0 || all.includes('pull') };
}

function settingsOf(
  fields: Fields,
): Pick<PlannedEndpoint, 'skipVerify' | 'caFiles' | 'clientCertificates' | 'headers' | 'proxy' | 'connectMs'> {
  return {
    skipVerify: fields.flag('skip_verify') ?? false,
    caFiles: (fields.textOrTexts('ca') ?? []).map((path) => absolute(path, fields)),
    clientCertificates: clientCertificates(fields),
    headers: parseHeaders(fields.table('header')),
    proxy: proxyOf(fields),
    connectMs: connectMs(fields),
  };
}

/** One file, files with certificate and key each, or pairs of files; the key of a pair may be empty. */
function clientCertificates(fields: Fields): ClientCertificate[] {
  const value = fields.value('client');
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map((item: unknown): ClientCertificate => {
    const [cert, key, ...rest]: unknown[] = Array.isArray(item) ? item : [item, ''];
    if (typeof cert !== 'string' || cert === '' || typeof key !== 'string' || rest.length > 0)
      throw configError(fields.placeOf('client'), '"client" is a path, or a list of paths or of pairs of paths');
    return { cert: absolute(cert, fields), key: key === '' ? undefined : absolute(key, fields) };
  });
}

function proxyOf(fields: Fields): string | undefined {
  const text = fields.text('proxy');
  if (text === undefined || text === '') return undefined;
  if (!/^https?:\/\/[^/?#]+\/?$/.test(text) || !URL.canParse(text))
    throw configError(fields.placeOf('proxy'), '"proxy" is no http:// or https:// URL of a host');
  return text;
}

function connectMs(fields: Fields): number | undefined {
  const text = fields.text('dial_timeout');
  if (text === undefined || text === '') return undefined;
  const ms = parseGoDuration(text);
  if (ms === undefined) throw configError(fields.placeOf('dial_timeout'), '"dial_timeout" is no duration such as "1s"');
  return ms > 0 ? ms : undefined;
}

function absolute(path: string, { at }: Fields): string {
  return isAbsolute(path) ? path : join(dirname(at.file ?? ''), path);
}

function noteUnknown(fields: Fields, known: readonly string[]): string[] {
  return fields
    .unknownNames(known)
    .map((key) => `${placeText(fields.placeOf(key))}: "${key}" is not known and has no effect`);
}
