import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { listen } from '../../fixtures/registry/registry.js';

export interface TestProxy {
  readonly url: string;
  /** Request lines and what came as Proxy-Authorization. */
  readonly seen: { line: string; authorization: string | undefined; leaked: string | undefined }[];
}

/** A proxy for which every host name leads to one port of this machine. */
export async function startProxy(t: TestContext, port: number, refuse = false): Promise<TestProxy> {
  const seen: TestProxy['seen'] = [];
  const server = createServer(async (request, response) => {
    const authorization = request.headers['proxy-authorization'];
    seen.push({ line: `${request.method} ${request.url}`, authorization, leaked: undefined });
    const { pathname, search } = new URL(request.url ?? '');
    const answer = await fetch(`http://127.0.0.1:${port}${pathname}${search}`, { method: request.method ?? 'GET' });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  server.on('connect', (request, socket) => {
    const { authorization: leaked, 'proxy-authorization': authorization } = request.headers;
    seen.push({ line: `CONNECT ${request.url}`, authorization, leaked });
    if (refuse) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 Connection established\r\n\r\n'));
    upstream.pipe(socket).pipe(upstream);
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  const own = await listen(server, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${own}`, seen };
}
