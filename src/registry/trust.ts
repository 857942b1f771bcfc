/**
 * Whom a TLS connection trusts, and as whom it presents itself. Parsing the authorities of a system takes about as long as
 * starting Node, so connections begin with the few that are likely to be enough where there is a choice, and go on to the
 * next step only when a server's certificate does not lead to one of them:
 *
 * 1. `known`: those the user named for this host, and those that another thread has found to be enough
 * 2. `bundle`: with the system's bundle
 * 3. `all`: with the loose files in the system's folders as well
 *
 * Every step checks certificates in full; a smaller set of authorities never accepts what a larger one would not.
 */
import type { checkServerIdentity, DetailedPeerCertificate, PeerCertificate, SecureContext } from 'node:tls';
import { KnownError } from '../../store/errors.js';
import { addressKind } from './address.js';
import { type ClientCertificate, hostCertificates } from './host-certificates.js';
import { type Certificates, certificatesIn } from './pem.js';
import type { TransportSettings } from './settings.js';
import { type AuthorityPlaces, bundledAuthorities, looseAuthorities } from './system-authorities.js';
import { isChainProblem, opensslReason, refusesClient } from './tls-error.js';

/** Options of an agent or a socket. */
export interface TlsOptions {
  /** Said in so many words, so that NODE_TLS_REJECT_UNAUTHORIZED does not decide. */
  readonly rejectUnauthorized: boolean;
  /** Made once: an agent would parse all certificates again for each connection. */
  readonly secureContext: SecureContext;
  readonly checkServerIdentity: typeof checkServerIdentity;
}

/** Loaded with the first connection that needs it. */
const tls = () => process.getBuiltinModule('node:tls');

export interface Trust {
  /** @throws KnownError `E_TLS` when files of certificates cannot be used */
  options(): TlsOptions;
  /** After a failed request: true when the options are others now, with which it may succeed. */
  revise(error: unknown): boolean;
}

type Step = 'known' | 'bundle' | 'all';
const steps: readonly Step[] = ['known', 'bundle', 'all'];

/** Where connections to a host begin: at home few need the system's authorities, elsewhere nearly all do. */
export function firstStep(url: URL, settings: TransportSettings): Step {
  const few = settings.knownAuthorities.length > 0 || addressKind(url.hostname) === 'loopback';
  return few || isInsecure(url, settings) ? 'known' : 'bundle';
}

/** @param onProved - is told which of the system's authorities a server's certificate comes from */
export function openTrust(
  url: URL,
  settings: TransportSettings,
  { step, onProved }: { step: Step; onProved?: (authority: string) => void },
): Trust {
  const own = hostCertificates(url, settings);
  let current = step;
  let client = 0;
  return {
    options() {
      const authorities = authoritiesAt(current, own.authorities, settings);
      const identity = own.clients[client];
      const secureContext =
        own.authorities.size === 0 && identity === undefined && current !== 'known'
          ? sharedContext(current, settings.authorityPlaces, authorities)
          : createContext(authorities, identity);
      return {
        rejectUnauthorized: !isInsecure(url, settings),
        secureContext,
        checkServerIdentity(host, certificate) {
          const problem = tls().checkServerIdentity(host, certificate);
          const authority = lastOf(certificate).raw.toString('base64');
          const text = authorities?.get(authority);
          // What the user trusts for this host says nothing about others.
          if (problem === undefined && text !== undefined && !own.authorities.has(authority)) onProved?.(text);
          return problem;
        },
      };
    },
    revise(error) {
      if (isChainProblem(error)) {
        const before = authoritiesAt(current, own.authorities, settings);
        const wider = steps
          .slice(steps.indexOf(current) + 1)
          .find((next) => authoritiesAt(next, own.authorities, settings)?.size !== before?.size);
        current = wider ?? current;
        return wider !== undefined;
      }
      if (!refusesClient(error) || client + 1 >= own.clients.length) return false;
      client++;
      return true;
    },
  };
}

function isInsecure(url: URL, { insecureHosts }: TransportSettings): boolean {
  return insecureHosts.includes(url.hostname);
}

/** undefined for Node's own list, which Node parses once for all threads. */
function authoritiesAt(step: Step, own: Certificates, settings: TransportSettings): Certificates | undefined {
  if (step === 'known') return new Map([...certificatesIn(settings.knownAuthorities.join('\n')), ...own]);
  const places = settings.authorityPlaces;
  const bundle = bundledAuthorities(places);
  const system = step === 'bundle' && bundle.size > 0 ? bundle : new Map([...bundle, ...looseAuthorities(places)]);
  const extraFile = process.env['NODE_EXTRA_CA_CERTS'] || undefined;
  const extra = extraFile === undefined ? [] : bundledAuthorities({ file: extraFile, folders: undefined });
  const named = places.file ?? places.folders;
  if (system.size > 0 || named !== undefined) {
    if (system.size === 0 && own.size === 0) throw emptyPlace(named ?? '');
    return new Map([...system, ...extra, ...own]);
  }
  if (own.size === 0) return undefined;
  return new Map([...certificatesIn(tls().rootCertificates.join('\n')), ...extra, ...own]);
}

function emptyPlace(named: string): KnownError {
  return new KnownError('E_TLS', `no certificate of an authority can be read in "${named}"`, {
    hint: 'SSL_CERT_FILE and SSL_CERT_DIR replace the places where the system keeps them',
  });
}

const shared = new Map<string, SecureContext>();

/** Of the system's authorities alone; the same for every host that has nothing of its own. */
function sharedContext(step: Step, places: AuthorityPlaces, authorities: Certificates | undefined): SecureContext {
  const key = JSON.stringify([step, places, process.env['NODE_EXTRA_CA_CERTS']]);
  const context = shared.get(key) ?? createContext(authorities, undefined);
  shared.set(key, context);
  return context;
}

function createContext(authorities: Certificates | undefined, client: ClientCertificate | undefined): SecureContext {
  const ca = authorities === undefined ? {} : { ca: [...authorities.values()] };
  if (client === undefined) return tls().createSecureContext(ca);
  try {
    return tls().createSecureContext({ ...ca, cert: client.cert, key: client.key });
  } catch (cause) {
    throw new KnownError('E_TLS', `client certificate "${client.path}" cannot be used: ${opensslReason(cause)}`, {
      hint: 'the certificate and its key must be in PEM format, belong together and have no passphrase',
      cause,
    });
  }
}

/** The end of the chain: the authority itself, where OpenSSL could follow it that far. */
function lastOf(certificate: PeerCertificate): PeerCertificate {
  let last = certificate as DetailedPeerCertificate;
  while (last.issuerCertificate !== undefined && last.issuerCertificate !== last) last = last.issuerCertificate;
  return last;
}
