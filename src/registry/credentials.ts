/** Credentials that `docker login` and `podman login` stored. Read when a registry asks, never copied anywhere. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../../store/errors.js';
import { askCredentialHelper } from './credential-helper.js';

export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token. */
  | { readonly kind: 'identity'; readonly token: string }
  /** A token that goes to the registry as it is. */
  | { readonly kind: 'registry'; readonly token: string };

interface ConfigFile {
  readonly path: string;
  readonly auths: Readonly<Record<string, unknown>>;
  readonly credsStore: string | undefined;
  readonly credHelpers: Readonly<Record<string, unknown>>;
}

const hubKey = 'https://index.docker.io/v1/';

/**
 * The credentials for a repository: Docker's config first, then the `auth.json` of containers tools.
 *
 * @throws KnownError `E_CREDENTIALS` when a file or helper fails; a missing one means no credentials.
 */
export async function findCredentials(
  domain: string,
  path: string,
  env: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const home = env['HOME'] ?? '/root';
  const dockerConfig = readConfig(join(env['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json'));
  if (dockerConfig !== undefined) {
    const found = await fromDockerConfig(dockerConfig, domain, env);
    if (found !== undefined) return found;
  }
  for (const file of containersFiles(home, env)) {
    const config = readConfig(file);
    const found = config && (await fromContainersConfig(config, `${domain}/${path}`, env));
    if (found !== undefined) return found;
  }
  return undefined;
}

function containersFiles(home: string, env: NodeJS.ProcessEnv): string[] {
  if (env['REGISTRY_AUTH_FILE']) return [env['REGISTRY_AUTH_FILE']];
  const runtimeDir = env['XDG_RUNTIME_DIR'];
  const configHome = env['XDG_CONFIG_HOME'] || join(home, '.config');
  return [
    ...(runtimeDir ? [join(runtimeDir, 'containers', 'auth.json')] : []),
    join(configHome, 'containers', 'auth.json'),
  ];
}

async function fromDockerConfig(
  config: ConfigFile,
  domain: string,
  env: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const key = domain === 'docker.io' ? hubKey : domain;
  const helper = config.credHelpers[key] ?? config.credHelpers[domain] ?? config.credsStore;
  if (typeof helper === 'string' && helper !== '') {
    const found = await askCredentialHelper(helper, key, env);
    if (found !== undefined) return found;
  }
  const entry = Object.hasOwn(config.auths, key)
    ? key
    : Object.keys(config.auths).find((name) => hostOf(name) === hostOf(key));
  return entry === undefined ? undefined : readEntry(config.auths[entry], entry, config.path);
}

/** containers-auth.json(5): the most specific of `host/name/space/repository`, `host/name/space`, … wins. */
async function fromContainersConfig(
  config: ConfigFile,
  name: string,
  env: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const domain = name.slice(0, name.indexOf('/'));
  const helper = config.credHelpers[domain];
  if (typeof helper === 'string') return askCredentialHelper(helper, domain, env);
  for (let key = name; key !== ''; key = key.slice(0, Math.max(0, key.lastIndexOf('/')))) {
    if (Object.hasOwn(config.auths, key)) return readEntry(config.auths[key], key, config.path);
  }
  const entry = Object.keys(config.auths).find((item) => /^https?:\/\//.test(item) && hostOf(item) === hostOf(domain));
  return entry === undefined ? undefined : readEntry(config.auths[entry], entry, config.path);
}

/** `https://host:5000/v1/` -> `host:5000`; the names of Docker Hub are one. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return host === 'docker.io' || host === 'registry-1.docker.io' ? 'index.docker.io' : host;
}

function readEntry(value: unknown, key: string, path: string): Credentials | undefined {
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
  if (colon < 1) throw new KnownError('E_CREDENTIALS', `the entry "${key}" in "${path}" has no user and password`);
  return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function readConfig(path: string): ConfigFile | undefined {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return undefined;
    // A parser's message would quote the file.
    const problem = cause instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read';
    throw new KnownError(
      'E_CREDENTIALS',
      `credentials in "${path}": ${problem}`,
      cause instanceof SyntaxError ? {} : { cause },
    );
  }
  const top = isRecord(document) ? document : {};
  return {
    path,
    auths: isRecord(top['auths']) ? top['auths'] : {},
    credsStore: typeof top['credsStore'] === 'string' ? top['credsStore'] : undefined,
    credHelpers: isRecord(top['credHelpers']) ? top['credHelpers'] : {},
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
