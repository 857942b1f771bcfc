/** `tsimage login` and `tsimage logout` */
import { KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import { loginServer } from '../login/server-name.js';
import { eraseLogin, storeLogin } from '../login/stored-logins.js';
import { checkLogin } from '../registry/check-login.js';
import { type Credentials, findCredentials } from '../registry/credentials.js';
import type { CliContext } from './main.js';
import { askPassword, askUser } from './prompt.js';

export interface LoginFlags {
  username?: string;
  password?: string;
  passwordStdin?: boolean;
  insecure?: boolean;
  ca?: string[];
}

interface Login {
  username: string;
  password: string;
}

export async function loginCommand(name: string | undefined, flags: LoginFlags, context: CliContext): Promise<void> {
  const { out, err, signal } = context;
  const { username, password, passwordStdin = false, insecure = false, ca = [] } = flags;
  checkFlags(flags);
  const server = loginServer(name);
  if (password !== undefined && !passwordStdin)
    err('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
  const given = passwordStdin ? await readSecret() : password;
  const check = (credentials: Credentials) =>
    checkLogin({ domain: server.domain, credentials, insecure, caFiles: ca, signal });
  const stored = await findCredentials(server.domain, '', process.env);
  if (username === undefined && given === undefined && stored !== undefined && (await tryStored(stored, check, err)))
    return out('Login Succeeded\n');
  const known = stored?.kind === 'password' ? stored.username : undefined;
  const login = await complete({ username, password: given }, known, context);
  await check({ kind: 'password', ...login });
  const file = await storeLogin({ server: server.key, ...login }, { env: process.env, signal });
  if (file !== undefined)
    err(
      `\nWARNING! Your credentials are stored unencrypted in '${printable(file, 1000)}'.\n` +
        'Configure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n',
    );
  out('Login Succeeded\n');
}

export async function logoutCommand(name: string | undefined, { out, err, signal }: CliContext): Promise<void> {
  const { key } = loginServer(name);
  out(`Removing login credentials for ${key}\n`);
  const failures = await eraseLogin(key, { env: process.env, signal });
  if (failures.length > 0) err('WARNING: could not erase credentials:\n');
  for (const [server, error] of failures)
    err(`${server}: ${printable(error instanceof Error ? error.message : String(error), 500)}\n`);
}

/** In Docker's words. */
function checkFlags({ username, password, passwordStdin = false }: LoginFlags): void {
  const refuse = (text: string): never => {
    throw new KnownError('E_USAGE', text);
  };
  if (passwordStdin && password !== undefined)
    refuse('conflicting options: cannot specify both --password and --password-stdin');
  if (passwordStdin && username === undefined) refuse('the --password-stdin option requires --username to be set');
  if (username?.trim() === '') refuse('username is empty');
  if (password?.trim() === '') refuse('password is empty');
}

/** One line end at the end is none of the password. */
async function readSecret(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

async function tryStored(
  stored: Credentials,
  check: (credentials: Credentials) => Promise<void>,
  err: CliContext['err'],
): Promise<boolean> {
  const user = stored.kind === 'password' ? ` [Username: ${printable(stored.username, 200)}]` : '';
  err(`Authenticating with existing credentials...${user}\n\n`);
  err(
    " Info -> To login with a different account, run 'docker logout' followed by 'docker login'\n\n\n".replaceAll(
      'docker',
      'tsimage',
    ),
  );
  try {
    await check(stored);
    return true;
  } catch (error) {
    if (!(error instanceof KnownError) || error.code === 'E_CANCELLED') throw error;
    if (error.code === 'E_DENIED') err('Stored credentials invalid or expired\n');
    else err(`Login did not succeed, error: ${printable(error.message, 500)}\n`);
    return false;
  }
}

/** Asks at the terminal for what was not given. */
async function complete(
  { username, password }: Partial<Record<keyof Login, string | undefined>>,
  known: string | undefined,
  context: CliContext,
): Promise<Login> {
  if (username !== undefined && password) return { username: username.trim(), password };
  if (!process.stdin.isTTY)
    throw new KnownError('E_USAGE', 'cannot perform an interactive login from a non TTY device', {
      hint: 'use --username and --password-stdin',
    });
  const user = username?.trim() ?? (await askUser(known, context));
  const secret = password || (await askPassword(context));
  if (user === '') throw new KnownError('E_USAGE', 'username is empty');
  if (secret === '') throw new KnownError('E_USAGE', 'password is empty');
  return { username: user, password: secret };
}
