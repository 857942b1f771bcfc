/** Where `docker login` and `podman login` have stored credentials for a repository: entries of files, and helper programs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, KnownError } from '../../store/errors.js';

export type CredentialSource =
  /** A program to ask about `server`. */
  | { readonly kind: 'helper'; readonly helper: string; readonly server: string; readonly file: string }
  | { readonly kind: 'entry'; readonly entry: string; readonly value: unknown; readonly file: string };

interface ConfigFile {
  readonly path: string;
  readonly auths: Readonly<Record<string, unknown>>;
  readonly credsStore: string | undefined;
  readonly credHelpers: Readonly<Record<string, unknown>>;
}

const hubKey = 'https://index.docker.io/v1/';

/**
 * In the order in which they are asked: Docker's config first, then the `auth.json` of containers tools. A file is read
 * when its turn comes.
 *
 * @throws KnownError `E_CREDENTIALS` when a file cannot be read; a missing one has no credentials.
 */
export function* credentialSources(domain: string, path: string, env: NodeJS.ProcessEnv): Generator<CredentialSource> {
  const home = env['HOME'] ?? '/root';
  const dockerConfig = readConfig(join(env['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json'));
  if (dockerConfig !== undefined) yield* inDockerConfig(dockerConfig, domain);
  for (const file of containersFiles(home, env)) {
    const config = readConfig(file);
    const found = config && inContainersConfig(config, `${domain}/${path}`);
    if (found !== undefined) yield found;
  }
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

function* inDockerConfig(config: ConfigFile, domain: string): Generator<CredentialSource> {
  const key = domain === 'docker.io' ? hubKey : domain;
  const helper = config.credHelpers[key] ?? config.credHelpers[domain] ?? config.credsStore;
  if (typeof helper === 'string' && helper !== '') yield { kind: 'helper', helper, server: key, file: config.path };
  const entry = Object.hasOwn(config.auths, key)
    ? key
    : Object.keys(config.auths).find((name) => hostOf(name) === hostOf(key));
  if (entry !== undefined) yield entryOf(config, entry);
}

/** containers-auth.json(5): the most specific of `host/name/space/repository`, `host/name/space`, … wins. */
function inContainersConfig(config: ConfigFile, name: string): CredentialSource | undefined {
  const domain = name.slice(0, name.indexOf('/'));
  const helper = config.credHelpers[domain];
  if (typeof helper === 'string') return { kind: 'helper', helper, server: domain, file: config.path };
  for (let key = name; key !== ''; key = key.slice(0, Math.max(0, key.lastIndexOf('/'))))
    if (Object.hasOwn(config.auths, key)) return entryOf(config, key);
  const entry = Object.keys(config.auths).find((item) => /^https?:\/\//.test(item) && hostOf(item) === hostOf(domain));
  return entry === undefined ? undefined : entryOf(config, entry);
}

function entryOf(config: ConfigFile, entry: string): CredentialSource {
  return { kind: 'entry', entry, value: config.auths[entry], file: config.path };
}

/** `https://host:5000/v1/` -> `host:5000`; the names of Docker Hub are one. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return host === 'docker.io' || host === 'registry-1.docker.io' ? 'index.docker.io' : host;
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

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
