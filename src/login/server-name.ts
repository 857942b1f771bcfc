/** The names by which a registry is known to logins. */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';

export interface LoginServer {
  /** Key in `config.json`, and what helpers are told. */
  key: string;
  /** As in names of images. */
  domain: string;
}

/** Docker Hub's key is a page of its first version. */
const hub: LoginServer = { key: 'https://index.docker.io/v1/', domain: 'docker.io' };

const hostAndPort = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/;

/** `host:port`, or a URL, of which the host counts. Nothing means Docker Hub. @throws KnownError `E_USAGE` */
export function loginServer(text: string | undefined): LoginServer {
  if (text === undefined || text === '' || text === hub.key) return hub;
  const host = text.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  if (host === hub.domain || host === 'index.docker.io' || host === 'registry-1.docker.io') return hub;
  if (!hostAndPort.test(host) || !URL.canParse(`https://${host}/`))
    throw new KnownError('E_USAGE', `"${printable(text, 200)}" is no name of a registry`, {
      hint: 'a host is expected, maybe with a port: registry.example.com:5000',
    });
  return { key: host, domain: host };
}
