/** Answers a registry's challenges for one repository. */
import { parseChallenges } from './challenge.js';
import type { Credentials } from './credentials.js';
import { checkRealm } from './realm.js';
import type { Subject } from './registry-error.js';
import { basicAuthorization, fetchToken } from './token.js';
import type { Transport } from './transport.js';

export interface AuthorizerOptions {
  /** `library/ubuntu`: what a token is asked for when the challenge does not say. Empty for a token without any right. */
  readonly path: string;
  /** Asked for with every token, besides what a challenge names: `repository:library/ubuntu:pull,push`. */
  readonly scopes?: () => readonly string[];
  readonly subject: Subject;
  readonly transport: Transport;
  readonly signal: AbortSignal | undefined;
  /** Looked up when a registry asks for the first time. */
  readonly findCredentials: () => Promise<Credentials | undefined>;
}

export interface Authorizer {
  /** The value for the Authorization header of the next request. */
  current(): string | undefined;
  /**
   * A value that answers `challenge`, or undefined when there is none.
   *
   * @param rejected - the value that the challenged request carried. While it was on its way another request may have
   *   fetched a newer one, which then serves both.
   */
  answer(registry: URL, challenge: string, rejected: string | undefined): Promise<string | undefined>;
  /** What must never be shown. */
  secrets(): string[];
}

interface Held {
  readonly value: string;
  readonly expires: number;
}

/** A token is left alone when it has less time to live than a request may take to arrive. */
const marginMs = 5_000;

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  let held: Held | undefined;
  let pending: Promise<string | undefined> | undefined;
  let credentials: Promise<Credentials | undefined> | undefined;
  const secrets = new Set<string>();

  const current = () => (held !== undefined && held.expires - marginMs > Date.now() ? held.value : undefined);
  const knownCredentials = async () => {
    credentials ??= options.findCredentials();
    const found = await credentials;
    if (found?.kind === 'password') {
      secrets.add(found.password).add(basicAuthorization(found).slice('Basic '.length));
    } else if (found !== undefined) secrets.add(found.token);
    return found;
  };
  const renew = async (registry: URL, challenge: string, rejected: string | undefined) => {
    const next = await respond(registry, challenge, await knownCredentials(), { ...options, secrets: [...secrets] });
    if (next === undefined || next.value === rejected) return undefined;
    secrets.add(next.value.slice(next.value.indexOf(' ') + 1));
    held = next;
    return next.value;
  };
  return {
    current,
    async answer(registry, challenge, rejected) {
      const newer = current();
      if (newer !== undefined && newer !== rejected) return newer;
      pending ??= renew(registry, challenge, rejected).finally(() => {
        pending = undefined;
      });
      return pending;
    },
    secrets: () => [...secrets],
  };
}

async function respond(
  registry: URL,
  header: string,
  credentials: Credentials | undefined,
  { path, scopes: more = () => [], subject, transport, signal, secrets }: AuthorizerOptions & { secrets: string[] },
): Promise<Held | undefined> {
  const challenges = parseChallenges(header);
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) {
    if (credentials?.kind === 'registry')
      return { value: `Bearer ${credentials.token}`, expires: Number.POSITIVE_INFINITY };
    const scope = bearer.parameters.get('scope') || (path === '' ? '' : `repository:${path}:pull`);
    const token = await fetchToken({
      realm: checkRealm(bearer.parameters.get('realm'), registry),
      service: bearer.parameters.get('service'),
      scopes: [...new Set([...scope.split(' ').filter((item) => item !== ''), ...more()])],
      credentials,
      transport,
      subject,
      secrets,
      signal,
    });
    return { value: `Bearer ${token.value}`, expires: token.expires };
  }
  const basic = challenges.some(({ scheme }) => scheme === 'basic');
  if (!basic || credentials?.kind !== 'password') return undefined;
  return { value: basicAuthorization(credentials), expires: Number.POSITIVE_INFINITY };
}
