/** Images out of a running Docker daemon, by the part of its API that `docker save` uses. */
import { type IncomingMessage, request } from 'node:http';
import { errnoCode, KnownError } from '../../../store/errors.js';
import { type ImageId, parseImageId } from '../../../store/oci/digest.js';
import { printable } from '../../../store/printable.js';
import { familiarString, parseReference, type Reference, withDefaultTag } from '../../reference.js';
import { readError } from '../../registry/read-error.js';

const DEFAULT_SOCKET = '/var/run/docker.sock';
const MAX_INSPECT_BYTES = 16 * 1024 * 1024;
/** For what it only has to look up. */
const ANSWER_MS = 30_000;
const ID = /^sha256:[0-9a-f]{64}$/;

export interface DaemonImage {
  /** What the daemon is asked for: a familiar name with tag or digest, or an image id. */
  readonly query: string;
  /** What its archive calls the image; undefined for an id, or a digest, which names nothing there. */
  readonly name: Reference | undefined;
}

/** @throws KnownError E_REFERENCE */
export function parseDaemonImage(text: string): DaemonImage {
  if (ID.test(text)) return { query: text, name: undefined };
  const name = withDefaultTag(parseReference(text));
  return { query: familiarString(name), name: name.digest === undefined ? name : undefined };
}

/** @throws KnownError E_UNSUPPORTED for a daemon that is not reached by a socket of this machine */
export function daemonSocket(env: NodeJS.ProcessEnv): string {
  const host = env['DOCKER_HOST'] ?? '';
  if (host === '') return DEFAULT_SOCKET;
  if (host.startsWith('unix://')) return host.slice('unix://'.length) || DEFAULT_SOCKET;
  throw new KnownError('E_UNSUPPORTED', `DOCKER_HOST is "${printable(host, 200)}", not a socket of this machine`, {
    hint: 'use docker save NAME | tspull docker-archive:-',
  });
}

/** The id of an image without its content; undefined when the daemon does not tell. @throws KnownError */
export async function imageIdInDaemon(
  socket: string,
  query: string,
  signal: AbortSignal,
): Promise<ImageId | undefined> {
  // As a name stands: the daemon takes the path apart itself.
  const id = await askText(socket, { path: `/images/${query}/json`, member: 'Id' }, signal);
  return id !== undefined && ID.test(id) ? parseImageId(id) : undefined;
}

/** The data root that it works on; undefined when it does not tell. @throws KnownError */
export function rootOfDaemon(socket: string, signal: AbortSignal): Promise<string | undefined> {
  return askText(socket, { path: '/info', member: 'DockerRootDir' }, signal);
}

/** A text of the object that the daemon answers with. */
async function askText(
  socket: string,
  { path, member }: { path: string; member: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  try {
    const bytes = await readBounded(await ask(socket, path, limited));
    const value: unknown = bytes === undefined ? undefined : JSON.parse(bytes.toString())?.[member];
    return typeof value === 'string' ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (!limited.aborted || signal.aborted) throw error;
    throw unreachable(socket, new Error(`no answer within ${ANSWER_MS / 1000} s`));
  }
}

async function readBounded(answer: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_INSPECT_BYTES) return undefined;
  }
  return Buffer.concat(chunks);
}

/** A docker-archive with the image. The daemon may take minutes before the first byte. @throws KnownError */
export function saveFromDaemon(socket: string, query: string, signal: AbortSignal): Promise<IncomingMessage> {
  return ask(socket, `/images/get?names=${encodeURIComponent(query)}`, signal);
}

async function ask(socket: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return checkStatus(await send(socket, path, signal));
}

/** @throws KnownError E_NOT_FOUND, E_REGISTRY with what the daemon says */
export async function checkStatus(answer: IncomingMessage): Promise<IncomingMessage> {
  if (answer.statusCode === 200) return answer;
  const text = messageIn(await readError(answer));
  const code = answer.statusCode === 404 ? 'E_NOT_FOUND' : 'E_REGISTRY';
  throw new KnownError(code, `the Docker daemon answers with status ${answer.statusCode}: ${printable(text, 500)}`);
}

function messageIn(body: Buffer): string {
  const text = body.toString();
  try {
    const { message } = JSON.parse(text) ?? {};
    return typeof message === 'string' ? message : text;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function send(socket: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'docker', 'user-agent': 'tspull' };
    const sent = request({ socketPath: socket, path, headers, agent: false, signal }, resolve);
    sent.on('error', (cause) => reject(signal.aborted ? cause : unreachable(socket, cause)));
    sent.end();
  });
}

export function unreachable(socket: string, cause: Error): KnownError {
  const text = `cannot reach the Docker daemon at unix://${printable(socket, 200)}: ${errnoCode(cause) ?? cause.message}`;
  const denied = errnoCode(cause) === 'EACCES';
  return new KnownError(denied ? 'E_PERMISSION' : 'E_NETWORK', text, {
    cause,
    hint: denied ? 'run as root or as a member of the group docker' : 'is it running? DOCKER_HOST names another socket',
  });
}
