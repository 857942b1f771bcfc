/** Credentials that `docker login` and `podman login` stored. Read when a registry asks, never copied anywhere. */
import { KnownError } from '../../store/errors.js';
import { askCredentialHelper } from './credential-helper.js';
import { type CredentialSource, credentialSources, isRecord } from './credential-sources.js';

export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token. */
  | { readonly kind: 'identity'; readonly token: string }
  /** A token that goes to the registry as it is. */
  | { readonly kind: 'registry'; readonly token: string };

/**
 * The credentials for a repository, from the first source that has some.
 *
 * @throws KnownError `E_CREDENTIALS` when a file or helper fails; a missing one means no credentials.
 */
export async function findCredentials(
  domain: string,
  path: string,
  env: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  for (const source of credentialSources(domain, path, env)) {
    const found =
      source.kind === 'helper' ? await askCredentialHelper(source.helper, source.server, env) : readEntry(source);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @throws KnownError `E_CREDENTIALS` */
export function readEntry({ value, entry: key, file }: CredentialSource & { kind: 'entry' }): Credentials | undefined {
  const entry = isRecord(value) ? value : {};
  const text = (name: string) => (typeof entry[name] === 'string' && entry[name] !== '' ? entry[name] : undefined);
  const [identity, registry, auth] = [text('identitytoken'), text('registrytoken'), text('auth')];
  if (registry !== undefined) return { kind: 'registry', token: registry };
  if (identity !== undefined) return { kind: 'identity', token: identity };
  if (auth === undefined) {
    const [username, password] = [text('username'), text('password')];
    return username === undefined || password === undefined ? undefined : { kind: 'password', username, password };
  }
  const decoded = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  if (colon < 1) throw new KnownError('E_CREDENTIALS', `the entry "${key}" in "${file}" has no user and password`);
  return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
