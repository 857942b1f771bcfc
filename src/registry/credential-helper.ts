/** Docker's credential helpers: programs `docker-credential-NAME` that read from standard input and print JSON. */
import { spawn } from 'node:child_process';
import { isErrno, KnownError } from '../../store/errors.js';
import { printable } from '../../store/printable.js';
import type { Credentials } from './credentials.js';

const timeoutMs = 30_000;
const maxOutputBytes = 1024 * 1024;
// What keychains, desktops, pass and the clouds' helpers need. NODE_OPTIONS, LD_PRELOAD and the like stay behind.
const passedVariables =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|DISPLAY|WAYLAND_DISPLAY|DBUS_SESSION_BUS_ADDRESS|XDG_\w+|GPG_TTY|GNUPGHOME|PASSWORD_STORE_\w+|DOCKER_CONFIG|AWS_\w+|AZURE_\w+|GOOGLE_\w+|CLOUDSDK_\w+|(?:https?|no)_proxy|(?:HTTPS?|NO)_PROXY)$/;

/** @throws KnownError `E_CREDENTIALS`; undefined when the helper knows no credentials for the server. */
export async function askCredentialHelper(
  name: string,
  server: string,
  env: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const program = programOf(name);
  const { status, output } = await runHelper({ program, action: 'get' }, server, env);
  if (status !== 0) {
    if (/credentials not found/i.test(output)) return undefined;
    throw new KnownError('E_CREDENTIALS', `${program} get: failed for "${server}": ${printable(output.trim(), 300)}`);
  }
  return parseAnswer(output, program);
}

export interface StoredLogin {
  server: string;
  username: string;
  password: string;
}

/** The password goes by standard input, where no list of processes shows it. @throws KnownError `E_CREDENTIALS` */
export async function storeWithHelper(
  name: string,
  { server, username, password }: StoredLogin,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const input = JSON.stringify({ ServerURL: server, Username: username, Secret: password });
  await change({ program: programOf(name), action: 'store' }, { input, server, secret: password }, env);
}

/** @throws KnownError `E_CREDENTIALS` */
export async function eraseWithHelper(name: string, server: string, env: NodeJS.ProcessEnv): Promise<void> {
  await change({ program: programOf(name), action: 'erase' }, { input: server, server }, env);
}

async function change(
  call: HelperCall,
  { input, server, secret = '' }: { input: string; server: string; secret?: string },
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const { status, output } = await runHelper(call, input, env);
  if (status === 0) return;
  const said = secret === '' ? output : output.replaceAll(secret, '***');
  const why = printable(said.trim(), 300);
  throw new KnownError('E_CREDENTIALS', `${call.program} ${call.action}: failed for "${server}": ${why}`);
}

function programOf(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return `docker-credential-${name}`;
  throw new KnownError('E_CREDENTIALS', `"${printable(name, 100)}" is not a name of a credential helper`);
}

interface HelperCall {
  program: string;
  action: 'get' | 'store' | 'erase';
}

function parseAnswer(output: string, program: string): Credentials | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    // The parser's message would quote the secret.
    throw new KnownError('E_CREDENTIALS', `${program} get: the answer is not JSON`);
  }
  const { Username: username, Secret: secret } = (answer ?? {}) as { Username?: unknown; Secret?: unknown };
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw new KnownError('E_CREDENTIALS', `${program} get: the answer has no Username and Secret`);
  if (secret === '') return undefined;
  return username === '<token>'
    ? { kind: 'identity', token: secret }
    : { kind: 'password', username, password: secret };
}

function runHelper(
  { program, action }: HelperCall,
  input: string,
  env: NodeJS.ProcessEnv,
): Promise<{ status: number | null; output: string }> {
  const childEnv = Object.fromEntries(Object.entries(env).filter(([key]) => passedVariables.test(key)));
  return new Promise((resolve, reject) => {
    const child = spawn(program, [action], { env: childEnv, stdio: ['pipe', 'pipe', 'ignore'] });
    const stop = (error: unknown) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      // What the helper has started may live on and hold the pipe; nobody waits for it.
      child.stdout.destroy();
      reject(error);
    };
    const fail = (problem: string, more: { cause?: unknown; hint?: string } = {}) =>
      stop(new KnownError('E_CREDENTIALS', `${program} ${action}: ${problem}`, more));
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    const chunks: Buffer[] = [];
    let length = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > maxOutputBytes) fail('too much output');
    });
    // A helper that does not read its input breaks the pipe; its status tells the rest.
    child.stdin.on('error', (error) => {
      if (!isErrno(error, 'EPIPE')) stop(error);
    });
    child.once('error', (cause) => fail('cannot run it', { cause, hint: `is ${program} on PATH?` }));
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, output: Buffer.concat(chunks).toString('utf8') });
    });
    child.stdin.end(input);
  });
}
