/** Keeping a login and giving it up, where Docker does: in `config.json`, or with the helper that it names. */
import { eraseWithHelper, type StoredLogin, storeWithHelper } from '../registry/credential-helper.js';
import { isRecord } from '../registry/credential-sources.js';
import { type ConfigDocument, changeConfig, configPath, readConfigDocument } from './config-file.js';

export interface Place {
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
}

/** @returns the file that holds the password unencrypted now and has not before; undefined for none */
export async function storeLogin(login: StoredLogin, { env, signal }: Place): Promise<string | undefined> {
  const path = configPath(env);
  const helper = helperFor(readConfigDocument(path), login.server);
  if (helper !== undefined) {
    await storeWithHelper(helper, login, env);
    await changeConfig(path, (before) => withEntry(before, login.server, {}), signal);
    return undefined;
  }
  const auth = Buffer.from(`${login.username}:${login.password}`).toString('base64');
  const isNew = await changeConfig(path, (before) => withEntry(before, login.server, { auth }), signal);
  return isNew ? path : undefined;
}

/**
 * Docker forgets a server under every name that it may have been given.
 *
 * @returns the failures of helpers, by server, when there was no name for which it worked
 */
export async function eraseLogin(server: string, { env, signal }: Place): Promise<[server: string, error: unknown][]> {
  const path = configPath(env);
  const servers = /^https?:\/\//.test(server) ? [server] : [server, `http://${server}`, `https://${server}`];
  const document = readConfigDocument(path);
  const failures: [string, unknown][] = [];
  for (const one of servers) {
    const helper = helperFor(document, one);
    if (helper === undefined) continue;
    try {
      await eraseWithHelper(helper, one, env);
    } catch (error) {
      failures.push([one, error]);
    }
  }
  await changeConfig(path, (before) => withoutEntries(before, servers), signal);
  return failures.length === servers.length ? failures : [];
}

function helperFor({ credHelpers, credsStore }: ConfigDocument, server: string): string | undefined {
  const own = isRecord(credHelpers) ? credHelpers[server] : undefined;
  const helper = own ?? credsStore;
  return typeof helper === 'string' && helper !== '' ? helper : undefined;
}

function withEntry(before: ConfigDocument, server: string, entry: object): ConfigDocument {
  const auths = isRecord(before['auths']) ? before['auths'] : {};
  if (JSON.stringify(auths[server]) === JSON.stringify(entry)) return before;
  return { ...before, auths: { ...auths, [server]: entry } };
}

function withoutEntries(before: ConfigDocument, servers: readonly string[]): ConfigDocument {
  const auths = isRecord(before['auths']) ? before['auths'] : {};
  const left = Object.entries(auths).filter(([server]) => !servers.includes(server));
  if (left.length === Object.keys(auths).length) return before;
  return { ...before, auths: Object.fromEntries(left) };
}
