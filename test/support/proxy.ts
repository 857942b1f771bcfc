import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { listen } from '../../fixtures/registry/registry.js';

export interface TestProxy {
  readonly url: string;
  /** Request lines and what came as Proxy-Authorization. */
  readonly seen: { line: string; authorization: string | undefined; leaked: string | undefined }[];
}

export interface ProxyOptions {
  /** For a proxy that is spoken to by TLS. */
  tls?: ServerOptions;
  /** `user:password` that it wants. */
  login?: string;
  /** Answers to every CONNECT, as `403 Forbidden`; an empty one is no answer at all. */
  answer?: string;
  /** Joins the connection from the client with the one to the registry, which is not open yet. */
  join?: (client: Socket, registry: Socket) => void;
}

/** A proxy for which every host name leads to one port of this machine. */
export async function startProxy(t: TestContext, port: number, options: ProxyOptions = {}): Promise<TestProxy> {
  const { tls, login, answer, join = joinBoth } = options;
  const seen: TestProxy['seen'] = [];
  const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
  const forward: RequestListener = async (request, response) => {
    const authorization = request.headers['proxy-authorization'];
    seen.push({ line: `${request.method} ${request.url}`, authorization, leaked: undefined });
    if (wanted !== undefined && authorization !== wanted) {
      response.writeHead(407, { 'proxy-authenticate': 'Basic realm="x"' }).end('<html>');
      return;
    }
    const { pathname, search } = new URL(request.url ?? '');
    const answered = await fetch(`http://127.0.0.1:${port}${pathname}${search}`, { method: request.method ?? 'GET' });
    response.writeHead(answered.status, Object.fromEntries(answered.headers));
    response.end(Buffer.from(await answered.arrayBuffer()));
  };
  const server = tls === undefined ? createServer(forward) : createTlsServer(tls, forward);
  server.on('connect', (request, client: Socket) => {
    const { authorization: leaked, 'proxy-authorization': authorization } = request.headers;
    seen.push({ line: `CONNECT ${request.url}`, authorization, leaked });
    client.on('error', () => client.destroy());
    if (answer === '') return;
    const status = wanted === undefined || authorization === wanted ? answer : '407 Proxy Authentication Required';
    if (status !== undefined) {
      client.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const registry = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'));
    registry.on('error', () => client.destroy());
    client.once('close', () => registry.destroy());
    registry.once('close', () => client.destroySoon());
    join(client, registry);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const own = await listen(server, '127.0.0.1');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${own}`, seen };
}

function joinBoth(client: Socket, registry: Socket): void {
  client.pipe(registry).pipe(client);
}

/** Hands on so many bytes of what the registry sends on each connection, and then does this with the connection. */
export function joinUntil(bytes: number, then: (client: Socket) => void): NonNullable<ProxyOptions['join']> {
  return (client, registry) => {
    client.pipe(registry);
    let left = bytes;
    registry.on('data', (chunk: Buffer) => {
      if (left === 0) return;
      const part = chunk.subarray(0, left);
      left -= part.length;
      client.write(part, () => left === 0 && then(client));
    });
  };
}
